-- Gives a repository a blob that is stored, or keeps one that it has from being forgotten for a while longer.
--
-- KEYS[1] repository     hash: json, revision
-- KEYS[2] blobs          hash: digest -> bytes, of the repository
-- KEYS[3] blob users     hash: digest -> number of the repository's images that name it
-- KEYS[4] loose blobs    zset: digests that no image names, by the time since when
-- KEYS[5] uses           hash: digest -> number of repositories that have it, of all
-- KEYS[6] other blobs    hash: digest -> bytes, of a repository that must have it; may be the same as KEYS[2]
-- ARGV[1] id of the repository
-- ARGV[2] digest
-- ARGV[3] bytes; '' for those that the other repository has noted
-- ARGV[4] now
-- Returns bytes | 'missing' from the other repository | 'gone' with the repository
local json = redis.call('HGET', KEYS[1], 'json')
if not json or cjson.decode(json).id ~= ARGV[1] then return 'gone' end
local size = ARGV[3]
if size == '' then
  size = redis.call('HGET', KEYS[6], ARGV[2])
  if not size then return 'missing' end
end
if redis.call('HSETNX', KEYS[2], ARGV[2], size) == 1 then redis.call('HINCRBY', KEYS[5], ARGV[2], 1) end
if redis.call('HEXISTS', KEYS[3], ARGV[2]) == 0 then redis.call('ZADD', KEYS[4], ARGV[4], ARGV[2]) end
return size
