-- Forgets definitions whose deletion was asked for before a moment and that neither a live task nor a service uses.
--
-- KEYS[1] deleted definitions   zset: scope:family:number by time of the request
-- ARGV[1] prefix
-- ARGV[2] the moment, milliseconds
-- ARGV[3] most definitions to look at
-- Returns how many were forgotten
local prefix, gone = ARGV[1], 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local definition = prefix .. ':td:' .. name
  local users = redis.call('HMGET', definition, 'tasks', 'services')
  if tonumber(users[1] or '0') <= 0 and tonumber(users[2] or '0') <= 0 then
    local account, region, family, number = string.match(name, '^([^:]+):([^:]+):([^:]+):([^:]+)$')
    redis.call('ZREM', prefix .. ':tds:' .. account .. ':' .. region .. ':DELETE_IN_PROGRESS', string.format('%s!%010d', family, number))
    redis.call('DEL', definition)
    redis.call('ZREM', KEYS[1], name)
    gone = gone + 1
  else
    -- Still in use: look at the others first the next time.
    redis.call('ZINCRBY', KEYS[1], 60000, name)
  end
end
return gone
