-- Takes blobs away from a repository that none of its images names.
--
-- KEYS[1] blobs          hash: digest -> bytes, of the repository
-- KEYS[2] loose blobs    zset: digests that no image names, by the time since when
-- KEYS[3] uses           hash: digest -> number of repositories that have it, of all
-- ARGV[1] time: those that have been loose since before
-- ARGV[2] most that go in one step
-- ARGV[3] one digest, or '' for any
-- Returns how many went
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if ARGV[3] ~= '' then due = redis.call('ZSCORE', KEYS[2], ARGV[3]) and {ARGV[3]} or {} end
for _, digest in ipairs(due) do
  redis.call('ZREM', KEYS[2], digest)
  if redis.call('HDEL', KEYS[1], digest) == 1 and redis.call('HINCRBY', KEYS[3], digest, -1) <= 0 then
    redis.call('HDEL', KEYS[3], digest)
  end
end
return #due
