-- Forgets tasks that stopped before a moment.
--
-- KEYS[1] stopped tasks     zset: task key by stoppedAt
-- ARGV[1] prefix
-- ARGV[2] the moment, milliseconds
-- ARGV[3] most tasks at once
-- Returns how many were forgotten
local prefix = ARGV[1]
local keys = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, key in ipairs(keys) do
  local task = prefix .. ':task:' .. key
  local id = string.match(key, '[^:]+$')
  local indexes = redis.call('HGET', task, 'indexes')
  if indexes then
    for index in string.gmatch(indexes, '[^\n]+') do
      redis.call('ZREM', prefix .. ':tasks:STOPPED:' .. index, id)
    end
  end
  redis.call('DEL', task)
  redis.call('ZREM', KEYS[1], key)
end
return #keys
