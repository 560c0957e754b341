-- Forgets workers whose lease ended before a moment and that hold no task, with their address ranges.
--
-- KEYS[1] workers   set of names
-- KEYS[2] ranges    hash: index -> worker name
-- ARGV[1] prefix
-- ARGV[2] the moment, milliseconds
-- Returns how many were forgotten
local prefix, gone = ARGV[1], {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local worker = prefix .. ':worker:' .. name
  local lease = tonumber(redis.call('HGET', worker, 'leaseUntil') or '0')
  if lease < tonumber(ARGV[2]) and redis.call('EXISTS', prefix .. ':worker-tasks:' .. name) == 0 then
    redis.call('DEL', worker)
    redis.call('SREM', KEYS[1], name)
    gone[name] = true
  end
end
local count = 0
for _ in pairs(gone) do count = count + 1 end
if count > 0 then
  local leased = redis.call('HGETALL', KEYS[2])
  for i = 1, #leased, 2 do
    if gone[leased[i + 1]] then redis.call('HDEL', KEYS[2], leased[i]) end
  end
end
return count
