-- Writes a cluster when nobody wrote since it was read. One with services or live tasks cannot become INACTIVE.
--
-- KEYS[1] cluster           hash: json, revision, status, running, pending, live, services, draining
-- KEYS[2] active clusters   zset of names
-- ARGV[1] name
-- ARGV[2] revision that the change was made from
-- ARGV[3] new JSON
-- ARGV[4] new status
-- Returns the new revision | 'conflict' | 'has-services' | 'has-tasks'
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[2] then return 'conflict' end
if ARGV[4] == 'INACTIVE' then
  local services = redis.call('HMGET', KEYS[1], 'services', 'draining')
  if tonumber(services[1] or '0') + tonumber(services[2] or '0') > 0 then return 'has-services' end
  if tonumber(redis.call('HGET', KEYS[1], 'live')) > 0 then return 'has-tasks' end
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('HSET', KEYS[1], 'json', ARGV[3], 'status', ARGV[4])
return redis.call('HINCRBY', KEYS[1], 'revision', 1)
