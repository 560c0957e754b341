-- Forgets services that became INACTIVE before a moment, and all that was kept of them.
--
-- KEYS[1] inactive services   zset: service key by the time of the change
-- ARGV[1] prefix
-- ARGV[2] the moment, milliseconds
-- ARGV[3] most services at once
-- Returns how many were forgotten
local prefix = ARGV[1]
local keys = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, key in ipairs(keys) do
  redis.call('DEL', prefix .. ':service:' .. key, prefix .. ':service-events:' .. key,
    prefix .. ':service-deployments:' .. key, prefix .. ':service-deployment-order:' .. key,
    prefix .. ':service-revisions:' .. key, prefix .. ':service-tasks:' .. key, prefix .. ':service-counts:' .. key)
  for _, list in ipairs({'service-work', 'service-timers', 'service-waiting'}) do
    redis.call('ZREM', prefix .. ':' .. list, key)
  end
  redis.call('ZREM', KEYS[1], key)
end
return #keys
