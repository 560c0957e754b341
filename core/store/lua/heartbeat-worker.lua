-- Renews a worker's lease and tells which of its tasks were placed or wanted differently since it last asked.
--
-- KEYS[1] worker            hash
-- KEYS[2] worker's tasks    zset: task key by the worker's sequence
-- ARGV[1] instance
-- ARGV[2] length of the lease, milliseconds (0 = give it up)
-- ARGV[3] position that the worker has seen
-- Returns {position, task keys...} | 'fenced'
if redis.call('HGET', KEYS[1], 'instance') ~= ARGV[1] then return 'fenced' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'leaseUntil', now + ARGV[2], 'released', ARGV[2] == '0' and 1 or 0)
local answer = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[3], '+inf')
table.insert(answer, 1, tonumber(redis.call('HGET', KEYS[1], 'sequence')))
return answer
