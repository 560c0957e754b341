-- Ends a look at a service that changed nothing: it needs none until something happens or the time has come.
--
-- KEYS[1] service           hash: revision
-- ARGV[1] prefix
-- ARGV[2] service key
-- ARGV[3] revision that the look was at
-- ARGV[4] its number in the list of services with work, as it was before the look ('' = not there)
-- ARGV[5] when to look again, milliseconds ('' = not before something happens)
-- Returns 1 | 'conflict'
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[3] then return 'conflict' end
local work, timers = ARGV[1] .. ':service-work', ARGV[1] .. ':service-timers'
if ARGV[4] ~= '' and redis.call('ZSCORE', work, ARGV[2]) == ARGV[4] then redis.call('ZREM', work, ARGV[2]) end
if ARGV[5] == '' then redis.call('ZREM', timers, ARGV[2]) else redis.call('ZADD', timers, ARGV[5], ARGV[2]) end
return 1
