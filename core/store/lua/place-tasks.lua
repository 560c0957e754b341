-- Records tasks and reserves a worker's capacity for each, or leaves a task out when no candidate has room.
-- Sending it again changes nothing: a task whose id is there already counts as placed.
-- All keys share the prefix's hash tag, so they may be made here.
--
-- KEYS[1] cluster            hash: status, running, pending, live
-- KEYS[2] token              hash: request, digest, ids (space-separated)   (absent = no token)
-- ARGV[1] prefix
-- ARGV[2] id of this request: rounds of one request share a token
-- ARGV[3] digest of the request's parameters
-- ARGV[4] life of the token in milliseconds
-- ARGV[5] longest that the event stream may grow (about)
-- ARGV[6] service that starts the tasks ('' = none)
-- ARGV[7] revision of the service's record that this was decided by: nobody must have decided anything since
-- ARGV[8] the service's deployment that the tasks belong to
-- then for each task:
--   id, task key, spec, wanted, observed, cpu units, MiB, GiB of storage, cluster key, definition key,
--   runtime ('' = any),
--   number of candidates, worker names..., number of indexes, index names...
-- Returns {'token', request digest, ids} | {'cluster-inactive'} | {'service-changed'} | {'placed', worker name or '' for each task}
local prefix, request, digest, tokenLife, longest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local service, deployment = ARGV[6], ARGV[8]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if KEYS[2] then
  local token = redis.call('HMGET', KEYS[2], 'request', 'digest', 'ids')
  if token[1] and token[1] ~= request then return {'token', token[2], token[3]} end
end
if redis.call('HGET', KEYS[1], 'status') ~= 'ACTIVE' then return {'cluster-inactive'} end
local record = prefix .. ':service:' .. service
if service ~= '' then
  local found = redis.call('HMGET', record, 'revision', 'placing', 'placingRevision')
  -- A further round of the same request, or the request sent again, finds its own mark.
  local own = found[2] == request and found[3] == found[1]
  if found[1] ~= ARGV[7] and not own then return {'service-changed'} end
end

local answer = {'placed'}
local placed = {}
local new = {}
local at = 9
while at <= #ARGV do
  local id, key, spec, wanted, observed = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local cpu, memory, disk = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  local cluster, definition, runtime = ARGV[at + 8], ARGV[at + 9], ARGV[at + 10]
  local candidates = tonumber(ARGV[at + 11])
  local firstCandidate = at + 12
  local indexes = tonumber(ARGV[firstCandidate + candidates])
  local firstIndex = firstCandidate + candidates + 1
  at = firstIndex + indexes

  local task = prefix .. ':task:' .. key
  local chosen = redis.call('HGET', task, 'worker') or ''
  if chosen == '' then
    for c = firstCandidate, firstCandidate + candidates - 1 do
      local worker = prefix .. ':worker:' .. ARGV[c]
      local has = redis.call('HMGET', worker, 'leaseUntil', 'cpu', 'cpuUsed', 'memory', 'memoryUsed', 'slots', 'slotsUsed',
        'disk', 'diskUsed', 'runtime')
      -- A worker without a number does not count storage.
      local offered = tonumber(has[8] or '')
      if has[1] and tonumber(has[1]) > now and (runtime == '' or runtime == has[10])
        and has[2] - has[3] >= cpu and has[4] - has[5] >= memory and has[6] - has[7] >= 1
        and (not offered or offered - (has[9] or 0) >= disk) then
        chosen = ARGV[c]
        redis.call('HINCRBY', worker, 'cpuUsed', cpu)
        redis.call('HINCRBY', worker, 'memoryUsed', memory)
        redis.call('HINCRBY', worker, 'diskUsed', disk)
        redis.call('HINCRBY', worker, 'slotsUsed', 1)
        local sequence = redis.call('HINCRBY', worker, 'sequence', 1)
        redis.call('ZADD', prefix .. ':worker-tasks:' .. chosen, sequence, key)
        break
      end
    end
    if chosen ~= '' then
      local names = {}
      for i = firstIndex, firstIndex + indexes - 1 do
        names[#names + 1] = ARGV[i]
        redis.call('ZADD', prefix .. ':tasks:RUNNING:' .. ARGV[i], 0, id)
      end
      redis.call('HSET', task, 'spec', spec, 'wanted', wanted, 'observed', observed, 'version', 1, 'revision', 1,
        'worker', chosen, 'cpu', cpu, 'memory', memory, 'disk', disk, 'cluster', cluster, 'definition', definition,
        'indexes', table.concat(names, '\n'))
      if service ~= '' then
        redis.call('HSET', task, 'service', service, 'deployment', deployment)
        redis.call('SADD', prefix .. ':service-tasks:' .. service, id)
        redis.call('HINCRBY', prefix .. ':service-counts:' .. service, deployment .. '!pending', 1)
        new[#new + 1] = id
      end
      redis.call('HINCRBY', KEYS[1], 'pending', 1)
      redis.call('HINCRBY', KEYS[1], 'live', 1)
      redis.call('HINCRBY', prefix .. ':td:' .. definition, 'tasks', 1)
      redis.call('XADD', prefix .. ':events', 'MAXLEN', '~', longest, '*', 'type', 'task', 'key', key,
        'version', 1, 'lastStatus', 'PROVISIONING', 'desiredStatus', 'RUNNING')
    end
  end
  answer[#answer + 1] = chosen
  if chosen ~= '' then placed[#placed + 1] = id end
end

if KEYS[2] and #placed > 0 then
  local earlier = redis.call('HGET', KEYS[2], 'ids')
  local ids = table.concat(placed, ' ')
  redis.call('HSET', KEYS[2], 'request', request, 'digest', digest, 'ids', earlier and (earlier .. ' ' .. ids) or ids)
  redis.call('PEXPIRE', KEYS[2], tokenLife)
end
if #new > 0 then
  local earlier = redis.call('HGET', record, 'started')
  local ids = table.concat(new, ' ')
  redis.call('HSET', record, 'started', earlier and (earlier .. ' ' .. ids) or ids)
  local revision = redis.call('INCR', prefix .. ':record-revisions')
  redis.call('HSET', record, 'revision', revision, 'placing', request, 'placingRevision', revision)
  redis.call('ZADD', prefix .. ':service-work', redis.call('INCR', prefix .. ':service-sequence'), service)
end
return answer
