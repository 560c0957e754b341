-- Creates a cluster unless an ACTIVE one of that name is there. Counters of a deleted one's remaining tasks are kept.
--
-- KEYS[1] cluster           hash: json, revision, status, running, pending, live
-- KEYS[2] active clusters   zset of names, in order of name
-- ARGV[1] name
-- ARGV[2] JSON
-- Returns 1 when created, 0 when there was one
if redis.call('HGET', KEYS[1], 'status') == 'ACTIVE' then return 0 end
redis.call('HSET', KEYS[1], 'json', ARGV[2], 'status', 'ACTIVE')
redis.call('HINCRBY', KEYS[1], 'revision', 1)
for _, counter in ipairs({'running', 'pending', 'live'}) do redis.call('HINCRBY', KEYS[1], counter, 0) end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
