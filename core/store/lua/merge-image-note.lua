-- Sets one member of the JSON object that is noted beside an image.
--
-- KEYS[1] images         hash: digest -> json
-- KEYS[2] notes          hash: digest -> json
-- ARGV[1] digest
-- ARGV[2] member
-- ARGV[3] json of its value
-- Returns 1 | 0 when the image is gone
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local note = cjson.decode(redis.call('HGET', KEYS[2], ARGV[1]) or '{}')
note[ARGV[2]] = cjson.decode(ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(note))
return 1
