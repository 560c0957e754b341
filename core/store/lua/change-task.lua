-- Writes one side of a task when nobody wrote since it was read, and everything that follows from the change.
--
-- KEYS[1] task
-- ARGV[1] prefix
-- ARGV[2] task key
-- ARGV[3] revision that the change was made from
-- ARGV[4] 'wanted' | 'observed': the side that is written
-- ARGV[5] its new JSON
-- ARGV[6] new version            ('' = no state-change event)
-- ARGV[7] lastStatus after the change
-- ARGV[8] desiredStatus after the change
-- ARGV[9] desiredStatus before
-- ARGV[10] cluster counter before: pending | running | none
-- ARGV[11] cluster counter after
-- ARGV[12] worker instance that writes ('' = the control plane)
-- ARGV[13] stoppedAt, milliseconds ('' = not stopped by this change)
-- ARGV[14] longest that the event stream may grow (about)
-- Returns the new revision | 'conflict' | 'missing' | 'fenced'
local prefix, key, side = ARGV[1], ARGV[2], ARGV[4]
local task = redis.call('HMGET', KEYS[1], 'revision', 'worker', 'cluster', 'indexes', 'cpu', 'memory', 'definition', 'disk',
  'service', 'deployment')
if not task[1] then return 'missing' end
local worker = prefix .. ':worker:' .. task[2]
if ARGV[12] ~= '' and redis.call('HGET', worker, 'instance') ~= ARGV[12] then return 'fenced' end
if task[1] ~= ARGV[3] then return 'conflict' end

local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[1], side, ARGV[5])
local cluster = prefix .. ':cluster:' .. task[3]
local service, deployment = task[9], task[10]

if ARGV[10] ~= ARGV[11] then
  if ARGV[10] ~= 'none' then redis.call('HINCRBY', cluster, ARGV[10], -1) end
  if ARGV[11] ~= 'none' then redis.call('HINCRBY', cluster, ARGV[11], 1) end
  if service then
    local counts = prefix .. ':service-counts:' .. service
    local function count(counter, by)
      local field = deployment .. '!' .. counter
      if counter ~= 'none' and redis.call('HINCRBY', counts, field, by) <= 0 then redis.call('HDEL', counts, field) end
    end
    count(ARGV[10], -1)
    count(ARGV[11], 1)
  end
end
if ARGV[8] ~= ARGV[9] then
  local id = string.match(key, '[^:]+$')
  for index in string.gmatch(task[4], '[^\n]+') do
    redis.call('ZREM', prefix .. ':tasks:' .. ARGV[9] .. ':' .. index, id)
    redis.call('ZADD', prefix .. ':tasks:' .. ARGV[8] .. ':' .. index, 0, id)
  end
end
if ARGV[13] ~= '' then
  redis.call('HINCRBY', worker, 'cpuUsed', -task[5])
  redis.call('HINCRBY', worker, 'memoryUsed', -task[6])
  redis.call('HINCRBY', worker, 'diskUsed', -(task[8] or 0))
  redis.call('HINCRBY', worker, 'slotsUsed', -1)
  redis.call('ZREM', prefix .. ':worker-tasks:' .. task[2], key)
  redis.call('HINCRBY', cluster, 'live', -1)
  redis.call('HINCRBY', prefix .. ':td:' .. task[7], 'tasks', -1)
  redis.call('ZADD', prefix .. ':stopped-tasks', ARGV[13], key)
elseif side == 'wanted' then
  -- The worker's next heartbeat tells it, should the job that wakes it be lost.
  if redis.call('ZSCORE', prefix .. ':worker-tasks:' .. task[2], key) then
    redis.call('ZADD', prefix .. ':worker-tasks:' .. task[2], redis.call('HINCRBY', worker, 'sequence', 1), key)
  end
end
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'version', ARGV[6])
  -- What a task does on its way to RUNNING is no news to its service.
  local starting = ARGV[8] == 'RUNNING' and ARGV[11] == 'pending'
  if service and not starting then
    redis.call('ZADD', prefix .. ':service-work', redis.call('INCR', prefix .. ':service-sequence'), service)
  end
  redis.call('XADD', prefix .. ':events', 'MAXLEN', '~', ARGV[14], '*', 'type', 'task', 'key', key,
    'version', ARGV[6], 'lastStatus', ARGV[7], 'desiredStatus', ARGV[8],
    'service', service and not starting and service or '')
end
return revision
