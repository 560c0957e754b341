-- Forgets a repository; what it held is forgotten step by step, by its id.
--
-- KEYS[1] repository     hash: json, revision
-- KEYS[2] names          zset, of the account and region
-- KEYS[3] all names      zset: `account:region:name`
-- KEYS[4] images         hash: digest -> json
-- KEYS[5] forgotten      set: ids whose images and blobs are still to be forgotten
-- ARGV[1] revision that must still be the record's
-- ARGV[2] name
-- ARGV[3] `account:region:name`
-- ARGV[4] id
-- ARGV[5] '1': with the images in it
-- Returns 'deleted' | 'conflict' | 'images' when there are some
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 'conflict' end
if ARGV[5] ~= '1' and redis.call('HLEN', KEYS[4]) > 0 then return 'images' end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('SADD', KEYS[5], ARGV[4])
return 'deleted'
