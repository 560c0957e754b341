-- Stores a definition under its family's next revision number.
--
-- KEYS[1] counters          hash: family -> last number given
-- KEYS[2] ACTIVE revisions  zset of family!number, in order
-- ARGV[1] prefix
-- ARGV[2] scope
-- ARGV[3] family
-- ARGV[4] JSON without the revision
-- Returns the revision number
local revision = redis.call('HINCRBY', KEYS[1], ARGV[3], 1)
local definition = ARGV[1] .. ':td:' .. ARGV[2] .. ':' .. ARGV[3] .. ':' .. revision
redis.call('HSET', definition, 'json', ARGV[4], 'number', revision, 'revision', 1, 'status', 'ACTIVE', 'tasks', 0)
redis.call('ZADD', KEYS[2], 0, string.format('%s!%010d', ARGV[3], revision))
local families = ARGV[1] .. ':families:' .. ARGV[2] .. ':'
redis.call('ZADD', families .. 'ALL', 0, ARGV[3])
redis.call('ZADD', families .. 'ACTIVE', 0, ARGV[3])
redis.call('ZREM', families .. 'INACTIVE', ARGV[3])
return revision
