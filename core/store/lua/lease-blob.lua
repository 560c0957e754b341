-- Keeps a blob's bytes while they are being stored, before any repository has it.
--
-- KEYS[1] condemned      hash: digest -> token of who is removing its bytes
-- KEYS[2] leases         zset: digest, by the end of its lease
-- ARGV[1] digest
-- ARGV[2] end of the lease
-- Returns 1
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
