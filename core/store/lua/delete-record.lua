-- Forgets a record.
--
-- KEYS[1] record      hash: json, revision, and fields of its own
-- KEYS[2..] indexes   zsets
-- ARGV[1] revision that must still be the record's; '' for any
-- then for each index: the record's member
-- Returns 1 | 0 when there was none | 'conflict'
local found = redis.call('HGET', KEYS[1], 'revision')
if not found then return 0 end
if ARGV[1] ~= '' and found ~= ARGV[1] then return 'conflict' end
for index = 2, #KEYS do redis.call('ZREM', KEYS[index], ARGV[index]) end
return redis.call('DEL', KEYS[1])
