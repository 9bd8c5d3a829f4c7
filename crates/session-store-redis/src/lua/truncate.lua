-- Truncates a log.
-- KEYS: writer, log, entries, never
-- ARGV: sequence, is repeat, keep record for, stamp, expected head or '', number of entries to keep
local head, count = head_of(KEYS[2], KEYS[3])
local kept = tonumber(ARGV[6])

if ARGV[5] ~= '' and ARGV[5] ~= head then return finish('conflict ' .. head) end
if head == 'none' then return finish('absent') end
if kept > count then return finish(string.format('past %d', count)) end
if kept == count then return finish('head ' .. head) end

if kept == 0 then
  redis.call('UNLINK', KEYS[3])
else
  redis.call('LTRIM', KEYS[3], 0, kept - 1)
end
redis.call('HSET', KEYS[2], 'stamp', ARGV[4], 'epoch', epoch_of(ARGV[4], kept))
return finish('head ' .. head_of(KEYS[2], KEYS[3]), true)
