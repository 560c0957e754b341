-- Gives a session a new token; an earlier one that was not used is worth nothing any more.
--
-- KEYS[1] session     hash
-- ARGV[1] digest of the token
-- ARGV[2] milliseconds that it opens the session
-- Returns 1 | 0: there is no such session
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'tokenUntil', string.format('%.0f', now + tonumber(ARGV[2])))
return 1
