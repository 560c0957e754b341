-- Uses a session's token up.
--
-- KEYS[1] session     hash: json, token (its digest), tokenUntil, attachments
-- ARGV[1] digest of the token that was shown
-- ARGV[2] milliseconds that the session is remembered from now on
-- Returns json and the number of attachments | false: not the newest token, used, or too old
local token, untilTime = unpack(redis.call('HMGET', KEYS[1], 'token', 'tokenUntil'))
if not token or token ~= ARGV[1] then return false end
redis.call('HDEL', KEYS[1], 'token', 'tokenUntil')
local time = redis.call('TIME')
if tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) > tonumber(untilTime) then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { redis.call('HGET', KEYS[1], 'json'), redis.call('HINCRBY', KEYS[1], 'attachments', 1) }
