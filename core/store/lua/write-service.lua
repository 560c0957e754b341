-- Writes a service when nobody wrote since it was read, with its events, its history, and everything that counts it.
--
-- KEYS[1] service           hash: json, revision, status, started, placing, placingRevision, definitions
-- ARGV[1] prefix
-- ARGV[2] service key       account:region:cluster:name
-- ARGV[3] revision that the change was made from ('' = there was none)
-- ARGV[4] new JSON
-- ARGV[5] new status
-- ARGV[6] cluster           account:region:cluster
-- ARGV[7] name
-- ARGV[8] '1' = the tasks in `started` have been told of
-- ARGV[9] number in the list of services with work: 'new' = it has some; a number = it is done unless that has changed;
--         '' = as it is
-- ARGV[10] when to look at the service again, milliseconds ('' = not before something happens, 'keep' = as it is)
-- ARGV[11] when it began to wait for capacity ('' = it does not, 'keep' = as it is)
-- ARGV[12] task definitions that it may start tasks from, with blanks between: account:region:family:revision
-- then the number of history entries, and id, time and JSON of each; of events, and their JSON, oldest first; of service
-- revisions, and id and JSON of each; of tasks that are accounted for, and their ids
-- Returns the new revision | 'conflict' | 'cluster-inactive'
local prefix, key, status = ARGV[1], ARGV[2], ARGV[5]
local before = redis.call('HMGET', KEYS[1], 'revision', 'status', 'definitions')
if (before[1] or '') ~= ARGV[3] then return 'conflict' end
local cluster = prefix .. ':cluster:' .. ARGV[6]
local isNew = before[2] ~= 'ACTIVE' and status == 'ACTIVE'
if isNew and redis.call('HGET', cluster, 'status') ~= 'ACTIVE' then return 'cluster-inactive' end

-- Never used twice, not even by a service made anew.
local revision = redis.call('INCR', prefix .. ':record-revisions')
redis.call('HSET', KEYS[1], 'revision', revision, 'json', ARGV[4], 'status', status, 'definitions', ARGV[12])
if ARGV[8] == '1' then redis.call('HDEL', KEYS[1], 'started') end

-- A definition stays for as long as a service may need it, whatever was asked since.
local function use(definitions, by)
  for name in string.gmatch(definitions, '%S+') do
    local definition = prefix .. ':td:' .. name
    if redis.call('EXISTS', definition) == 1 then redis.call('HINCRBY', definition, 'services', by) end
  end
end
if (before[3] or '') ~= ARGV[12] then
  use(ARGV[12], 1)
  use(before[3] or '', -1)
end

local events = prefix .. ':service-events:' .. key
local history = prefix .. ':service-deployments:' .. key
local order = prefix .. ':service-deployment-order:' .. key
local revisions = prefix .. ':service-revisions:' .. key
if isNew then redis.call('DEL', events, history, order, revisions) end

if before[2] ~= status then
  local counters = {ACTIVE = 'services', DRAINING = 'draining'}
  if counters[before[2]] then redis.call('HINCRBY', cluster, counters[before[2]], -1) end
  if counters[status] then redis.call('HINCRBY', cluster, counters[status], 1) end
  if status == 'ACTIVE' then redis.call('ZADD', prefix .. ':services:' .. ARGV[6], 0, ARGV[7])
  else redis.call('ZREM', prefix .. ':services:' .. ARGV[6], ARGV[7]) end
  local time = redis.call('TIME')
  if status == 'INACTIVE' then redis.call('ZADD', prefix .. ':inactive-services', time[1] * 1000, key)
  else redis.call('ZREM', prefix .. ':inactive-services', key) end
end

local work = prefix .. ':service-work'
if ARGV[9] == 'new' then redis.call('ZADD', work, redis.call('INCR', prefix .. ':service-sequence'), key)
elseif ARGV[9] ~= '' and redis.call('ZSCORE', work, key) == ARGV[9] then redis.call('ZREM', work, key) end

local function place(list, score)
  if score == '' then redis.call('ZREM', list, key)
  elseif score ~= 'keep' then redis.call('ZADD', list, score, key) end
end
place(prefix .. ':service-timers', ARGV[10])
place(prefix .. ':service-waiting', ARGV[11])

local at = 13
local function counted(each)
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do at = each(at) end
end
counted(function(i)
  redis.call('HSET', history, ARGV[i], ARGV[i + 2])
  redis.call('ZADD', order, ARGV[i + 1], ARGV[i])
  return i + 3
end)
-- What is older than the newest hundred is forgotten, the revisions with them.
for _, id in ipairs(redis.call('ZRANGE', order, 0, -101)) do
  local revisionId = cjson.decode(redis.call('HGET', history, id)).target.revisionId
  if not string.find(ARGV[4], revisionId, 1, true) then redis.call('HDEL', revisions, revisionId) end
  redis.call('HDEL', history, id)
  redis.call('ZREM', order, id)
end
counted(function(i)
  redis.call('LPUSH', events, ARGV[i])
  return i + 1
end)
redis.call('LTRIM', events, 0, 99)
counted(function(i)
  redis.call('HSET', revisions, ARGV[i], ARGV[i + 1])
  return i + 2
end)
counted(function(i)
  redis.call('SREM', prefix .. ':service-tasks:' .. key, ARGV[i])
  return i + 1
end)
return revision
