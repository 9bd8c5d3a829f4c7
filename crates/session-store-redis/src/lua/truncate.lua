-- Truncates a log.
-- KEYS: writer, log, entries, never
-- ARGV: sequence, is repeat, keep record for, stamp, expected head or '', number of entries to keep
local log = read_log(KEYS[2], KEYS[3])
local stamp, kept = ARGV[4], tonumber(ARGV[6])

if ARGV[5] ~= '' and ARGV[5] ~= log.head then return finish('conflict ' .. log.head) end
if log.head == 'none' then return finish('absent') end
if kept > log.count then return finish(string.format('past %d', log.count)) end
if kept == log.count then return finish('head ' .. log.head) end

-- Both the deleted and the kept entries can be too many to measure. The size is then unknown.
local bytes = 0
if kept > 0 then
  local cut = log.bytes and measure(KEYS[3], kept, log.count - 1)
  bytes = cut and log.bytes - cut or measure(KEYS[3], 0, kept - 1)
  redis.call('LTRIM', KEYS[3], 0, kept - 1)
else
  redis.call('UNLINK', KEYS[3])
end
record_change(KEYS[2], stamp, bytes)
redis.call('HSET', KEYS[2], 'epoch', epoch_of(stamp, kept))
return finish('head ' .. head_of(kept, stamp), true)
