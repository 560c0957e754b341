-- Whether a blob's bytes are still to be removed, now that nobody can open them any more.
--
-- KEYS[1] condemned      hash: digest -> token of who is removing its bytes
-- ARGV[1] digest
-- ARGV[2] token
-- Returns 1 | 0
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
