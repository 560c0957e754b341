-- Counts how long workers have been without a lease while somebody looked, and takes the names of those that have been
-- for too long: what their processes write from then on is refused.
--
-- KEYS[1] workers           set of names
-- KEYS[2] watch             hash: lookedAt
-- ARGV[1] prefix
-- ARGV[2] time without a lease after which a worker is lost, milliseconds
-- ARGV[3] longest time between two looks that counts, milliseconds
-- ARGV[4] the instance that lost workers get
-- Returns the names of lost workers that still hold tasks
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local passed = now - tonumber(redis.call('HGET', KEYS[2], 'lookedAt') or now)
if passed < 0 or passed > tonumber(ARGV[3]) then passed = 0 end
redis.call('HSET', KEYS[2], 'lookedAt', now)

local lost = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local worker = prefix .. ':worker:' .. name
  local has = redis.call('HMGET', worker, 'leaseUntil', 'instance')
  if tonumber(has[1] or '0') > now then
    redis.call('HDEL', worker, 'absent')
  elseif redis.call('EXISTS', prefix .. ':worker-tasks:' .. name) == 1 then
    if has[2] ~= ARGV[4] and redis.call('HINCRBY', worker, 'absent', passed) >= tonumber(ARGV[2]) then
      redis.call('HSET', worker, 'instance', ARGV[4])
      redis.call('HDEL', worker, 'absent')
      has[2] = ARGV[4]
    end
    if has[2] == ARGV[4] then lost[#lost + 1] = name end
  end
end
return lost
