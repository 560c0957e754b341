-- Writes a record when nobody wrote since it was read, and keeps its place in the indexes.
--
-- KEYS[1] record      hash: json, revision, and fields of its own
-- KEYS[2] counter     of revisions, so that one is never used twice, not even by a record made anew
-- KEYS[3..] indexes   zsets
-- ARGV[1] revision that the change was made from; '' when there was no record
-- ARGV[2] number of fields to remove, followed by these
-- then for each index: score and member; a score of '' takes the member out
-- then fields and values to set
-- Returns the new revision | 'conflict'
local found = redis.call('HGET', KEYS[1], 'revision') or ''
if found ~= ARGV[1] then return 'conflict' end
local at = 3
for _ = 1, tonumber(ARGV[2]) do
  redis.call('HDEL', KEYS[1], ARGV[at])
  at = at + 1
end
for index = 3, #KEYS do
  if ARGV[at] == '' then redis.call('ZREM', KEYS[index], ARGV[at + 1])
  else redis.call('ZADD', KEYS[index], ARGV[at], ARGV[at + 1]) end
  at = at + 2
end
while at < #ARGV do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
local revision = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'revision', revision)
return revision
