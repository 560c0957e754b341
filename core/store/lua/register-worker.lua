-- Takes a worker name, or takes it over from an instance whose lease is over or which is known to be dead.
-- What tasks of that name use stays reserved.
--
-- KEYS[1] worker            hash
-- KEYS[2] workers           set of names
-- KEYS[3] the worker's tasks
-- ARGV[1] name
-- ARGV[2] instance
-- ARGV[3] instance that is known to be dead ('' = none)
-- ARGV[4] length of the lease, milliseconds
-- ARGV[5] registration JSON
-- ARGV[6] cpu units, ARGV[7] MiB, ARGV[8] slots, ARGV[9] GiB of storage ('' = not counted)
-- ARGV[10] runtime: no other may take over tasks that are there
-- Returns {1} | {0, registration JSON of the live holder} | {2, runtime of its tasks, their number}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local holder = redis.call('HMGET', KEYS[1], 'instance', 'leaseUntil', 'json', 'runtime')
if holder[1] and holder[1] ~= ARGV[2] and holder[1] ~= ARGV[3] and tonumber(holder[2]) > now then
  return {0, holder[3]}
end
local tasks = redis.call('ZCARD', KEYS[3])
if holder[4] and holder[4] ~= ARGV[10] and tasks > 0 then return {2, holder[4], tasks} end
redis.call('HSET', KEYS[1], 'runtime', ARGV[10], 'json', ARGV[5], 'instance', ARGV[2], 'leaseUntil', now + ARGV[4], 'released', 0,
  'cpu', ARGV[6], 'memory', ARGV[7], 'slots', ARGV[8], 'disk', ARGV[9])
for _, counter in ipairs({'cpuUsed', 'memoryUsed', 'diskUsed', 'slotsUsed', 'sequence'}) do redis.call('HINCRBY', KEYS[1], counter, 0) end
redis.call('SADD', KEYS[2], ARGV[1])
return {1}
