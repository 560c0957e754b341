-- Gives a worker a range of the task network for as long as its name exists.
--
-- KEYS[1] ranges            hash: index -> worker name
-- ARGV[1] worker name
-- ARGV[2] number of ranges
-- ARGV[3...] indexes that cannot be used on the worker's host
-- Returns the index | -1 when none is free
local taken = {}
for i = 3, #ARGV do taken[ARGV[i]] = true end
local leased = redis.call('HGETALL', KEYS[1])
local owner = {}
for i = 1, #leased, 2 do
  owner[leased[i]] = true
  if leased[i + 1] == ARGV[1] then
    if not taken[leased[i]] then return tonumber(leased[i]) end
    redis.call('HDEL', KEYS[1], leased[i])
  end
end
for i = 0, ARGV[2] - 1 do
  local index = tostring(i)
  if not owner[index] and not taken[index] then
    redis.call('HSET', KEYS[1], index, ARGV[1])
    return i
  end
end
return -1
