-- One step of forgetting what a deleted repository held.
--
-- KEYS[1] forgotten      set: ids whose images and blobs are still to be forgotten
-- KEYS[2] uses           hash: digest -> number of repositories that have it, of all
-- KEYS[3] images         hash: digest -> json
-- KEYS[4] blobs          hash: digest -> bytes, of the repository
-- KEYS[5..]              everything else of the repository
-- ARGV[1] id
-- ARGV[2] most that go in one step, about
-- Returns how many went; 0: nothing is left
local gone = 0
for at = 3, 4 do
  local found = redis.call('HSCAN', KEYS[at], 0, 'COUNT', ARGV[2])[2]
  for index = 1, #found, 2 do
    redis.call('HDEL', KEYS[at], found[index])
    if redis.call('HINCRBY', KEYS[2], found[index], -1) <= 0 then redis.call('HDEL', KEYS[2], found[index]) end
    gone = gone + 1
  end
end
if gone == 0 then
  for at = 3, #KEYS do redis.call('UNLINK', KEYS[at]) end
  redis.call('SREM', KEYS[1], ARGV[1])
end
return gone
