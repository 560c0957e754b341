-- Records an image, a tag of it, or both, when everything that it names is there.
--
-- KEYS[1] repository     hash: json, revision
-- KEYS[2] images         hash: digest -> json
-- KEYS[3] ids            zset: `digest tag` for each tag, `digest ` for an image without
-- KEYS[4] tags           hash: tag -> digest
-- KEYS[5] tag names      zset
-- KEYS[6] blobs          hash: digest -> bytes, of the repository
-- KEYS[7] blob users     hash: digest -> number of the repository's images that name it
-- KEYS[8] loose blobs    zset: digests that no image names, by the time since when
-- KEYS[9] parents        zset: `child parent`
-- KEYS[10] referrers     zset: `subject digest`
-- KEYS[11] uses          hash: digest -> number of repositories that have it, of all
-- ARGV[1] revision of the repository that the request was checked against
-- ARGV[2] digest
-- ARGV[3] json of the image
-- ARGV[4] tag, or ''
-- ARGV[5] '1': the tag must not leave another image
-- ARGV[6] subject, or ''
-- ARGV[7] number of blobs, followed by their digests
-- then the digests of children
-- Returns 'conflict' | {'missing', blobs or children, digest …} | {'immutable', digest}
--   | {'put', '1' when the image is new, digest that had the tag or ''}
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 'conflict' end
local digest, tag, subject = ARGV[2], ARGV[4], ARGV[6]
local blobs = tonumber(ARGV[7])
local is_new = redis.call('HEXISTS', KEYS[2], digest) == 0
if is_new then
  local missing = {'missing', 'blobs'}
  for at = 8, 7 + blobs do
    if redis.call('HEXISTS', KEYS[6], ARGV[at]) == 0 then missing[#missing + 1] = ARGV[at] end
  end
  if #missing > 2 then return missing end
  missing[2] = 'children'
  for at = 8 + blobs, #ARGV do
    if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 0 then missing[#missing + 1] = ARGV[at] end
  end
  if #missing > 2 then return missing end
end
local before = tag ~= '' and redis.call('HGET', KEYS[4], tag) or ''
if before ~= '' and before ~= digest and ARGV[5] == '1' then return {'immutable', before} end
if is_new then
  redis.call('HSET', KEYS[2], digest, ARGV[3])
  redis.call('ZADD', KEYS[3], 0, digest .. ' ')
  redis.call('HINCRBY', KEYS[11], digest, 1)
  for at = 8, 7 + blobs do
    if redis.call('HINCRBY', KEYS[7], ARGV[at], 1) == 1 then redis.call('ZREM', KEYS[8], ARGV[at]) end
  end
  for at = 8 + blobs, #ARGV do redis.call('ZADD', KEYS[9], 0, ARGV[at] .. ' ' .. digest) end
  if subject ~= '' then redis.call('ZADD', KEYS[10], 0, subject .. ' ' .. digest) end
end
if tag ~= '' and before ~= digest then
  if before ~= '' then
    redis.call('ZREM', KEYS[3], before .. ' ' .. tag)
    local left = redis.call('ZLEXCOUNT', KEYS[3], '[' .. before .. ' ', '(' .. before .. '!')
    if left == 0 then redis.call('ZADD', KEYS[3], 0, before .. ' ') end
  end
  redis.call('ZREM', KEYS[3], digest .. ' ')
  redis.call('ZADD', KEYS[3], 0, digest .. ' ' .. tag)
  redis.call('HSET', KEYS[4], tag, digest)
  redis.call('ZADD', KEYS[5], 0, tag)
end
return {'put', is_new and '1' or '', before}
