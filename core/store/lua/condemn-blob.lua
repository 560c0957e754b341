-- Lets a blob's bytes be removed when nothing needs them. A lease that is taken afterwards takes the right back.
--
-- KEYS[1] condemned      hash: digest -> token of who is removing its bytes
-- KEYS[2] leases         zset: digest, by the end of its lease
-- KEYS[3] uses           hash: digest -> number of repositories that have it, of all
-- ARGV[1] digest
-- ARGV[2] token
-- ARGV[3] now
-- Returns 1 | 0
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then return 0 end
local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
if lease then
  if tonumber(lease) > tonumber(ARGV[3]) then return 0 end
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
