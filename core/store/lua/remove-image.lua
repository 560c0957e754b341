-- Takes a tag off an image, or an image with all its tags out of a repository.
--
-- KEYS[1] images         hash: digest -> json
-- KEYS[2] ids            zset: `digest tag` for each tag, `digest ` for an image without
-- KEYS[3] tags           hash: tag -> digest
-- KEYS[4] tag names      zset
-- KEYS[5] blob users     hash: digest -> number of the repository's images that name it
-- KEYS[6] loose blobs    zset: digests that no image names, by the time since when
-- KEYS[7] parents        zset: `child parent`
-- KEYS[8] referrers      zset: `subject digest`
-- KEYS[9] uses           hash: digest -> number of repositories that have it, of all
-- KEYS[10] pulls         hash: digest -> time
-- KEYS[11] storage       hash: digest -> json
-- KEYS[12] scans         hash: digest -> json
-- KEYS[13] replications  hash: digest -> json
-- ARGV[1] digest, or '' for the one that the tag names
-- ARGV[2] tag, or ''
-- ARGV[3] what goes: 'image' | 'tag' | 'last' the tag, and the image with its last one
-- ARGV[4] now
-- Returns {'missing'} | {'other', digest that has the tag} | {'held', parent …}
--   | {'removed', digest, '1' when the image went, tag …}
local digest, tag, what = ARGV[1], ARGV[2], ARGV[3]
if tag ~= '' then
  local found = redis.call('HGET', KEYS[3], tag)
  if digest == '' then
    if not found then return {'missing'} end
    digest = found
  elseif found ~= digest then return {'other', found or ''} end
end
local json = redis.call('HGET', KEYS[1], digest)
if not json then return {'missing'} end
local own = {}
for _, id in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], '[' .. digest .. ' ', '(' .. digest .. '!')) do
  local name = string.sub(id, #digest + 2)
  if name ~= '' then own[#own + 1] = name end
end
local function drop(name)
  redis.call('ZREM', KEYS[2], digest .. ' ' .. name)
  redis.call('HDEL', KEYS[3], name)
  redis.call('ZREM', KEYS[4], name)
end
if what == 'tag' or (what == 'last' and #own > 1) then
  drop(tag)
  if #own == 1 then redis.call('ZADD', KEYS[2], 0, digest .. ' ') end
  return {'removed', digest, '', tag}
end
local parents = redis.call('ZRANGEBYLEX', KEYS[7], '[' .. digest .. ' ', '(' .. digest .. '!', 'LIMIT', 0, 10)
if #parents > 0 then
  local held = {'held'}
  for _, member in ipairs(parents) do held[#held + 1] = string.sub(member, #digest + 2) end
  return held
end
for _, name in ipairs(own) do drop(name) end
redis.call('ZREM', KEYS[2], digest .. ' ')
redis.call('HDEL', KEYS[1], digest)
local image = cjson.decode(json)
local seen = {}
for _, blob in ipairs(image.blobs) do
  local name = blob.digest
  if not seen[name] then
    seen[name] = true
    if redis.call('HINCRBY', KEYS[5], name, -1) <= 0 then
      redis.call('HDEL', KEYS[5], name)
      redis.call('ZADD', KEYS[6], ARGV[4], name)
    end
  end
end
for _, child in ipairs(image.children) do redis.call('ZREM', KEYS[7], child .. ' ' .. digest) end
if image.subject then redis.call('ZREM', KEYS[8], image.subject .. ' ' .. digest) end
if redis.call('HINCRBY', KEYS[9], digest, -1) <= 0 then redis.call('HDEL', KEYS[9], digest) end
for at = 10, 13 do redis.call('HDEL', KEYS[at], digest) end
local removed = {'removed', digest, '1'}
for _, name in ipairs(own) do removed[#removed + 1] = name end
return removed
