-- Lets placement use a worker. Services that wait for capacity get a look.
--
-- KEYS[1] worker            hash
-- ARGV[1] prefix
-- ARGV[2] tasks that the worker may hold at once
local prefix = ARGV[1]
redis.call('HSET', KEYS[1], 'slots', ARGV[2])
if ARGV[2] ~= '0' then
  for _, service in ipairs(redis.call('ZRANGE', prefix .. ':service-waiting', 0, -1)) do
    redis.call('ZADD', prefix .. ':service-work', redis.call('INCR', prefix .. ':service-sequence'), service)
  end
  redis.call('DEL', prefix .. ':service-waiting')
end
