-- Writes a revision when nobody wrote since it was read, and moves it between the lists by status.
--
-- KEYS[1] definition        hash: json, number, revision, status, tasks
-- ARGV[1] prefix
-- ARGV[2] scope
-- ARGV[3] family
-- ARGV[4] revision number of the definition
-- ARGV[5] storage revision that the change was made from
-- ARGV[6] new JSON
-- ARGV[7] new status
-- ARGV[8] time of the change, milliseconds
-- Returns the new storage revision | 'conflict'
local before = redis.call('HMGET', KEYS[1], 'revision', 'status')
if before[1] ~= ARGV[5] then return 'conflict' end
redis.call('HSET', KEYS[1], 'json', ARGV[6], 'status', ARGV[7])
if before[2] ~= ARGV[7] then
  local lists = ARGV[1] .. ':tds:' .. ARGV[2] .. ':'
  local member = string.format('%s!%010d', ARGV[3], ARGV[4])
  redis.call('ZREM', lists .. before[2], member)
  redis.call('ZADD', lists .. ARGV[7], 0, member)
  local first, last = '[' .. ARGV[3] .. '!', '(' .. ARGV[3] .. '"'
  local active = redis.call('ZLEXCOUNT', lists .. 'ACTIVE', first, last)
  local inactive = redis.call('ZLEXCOUNT', lists .. 'INACTIVE', first, last)
  local families = ARGV[1] .. ':families:' .. ARGV[2] .. ':'
  if active == 0 then redis.call('ZREM', families .. 'ACTIVE', ARGV[3]) end
  if active == 0 and inactive > 0 then redis.call('ZADD', families .. 'INACTIVE', 0, ARGV[3]) else redis.call('ZREM', families .. 'INACTIVE', ARGV[3]) end
  if active + inactive == 0 then redis.call('ZREM', families .. 'ALL', ARGV[3]) end
  if ARGV[7] == 'DELETE_IN_PROGRESS' then
    redis.call('ZADD', ARGV[1] .. ':deleted-tds', ARGV[8], ARGV[2] .. ':' .. ARGV[3] .. ':' .. ARGV[4])
  end
end
return redis.call('HINCRBY', KEYS[1], 'revision', 1)
