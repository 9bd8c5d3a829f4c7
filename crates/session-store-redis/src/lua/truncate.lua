-- Truncates a log.
-- KEYS: writer, log, entries, never
-- ARGV: sequence, is repeat, keep record for, stamp, expected head or '', number of entries to keep
local log = read_log(KEYS[2], KEYS[3])
local stamp, kept = ARGV[4], tonumber(ARGV[6])

if ARGV[5] ~= '' and ARGV[5] ~= log.head then return finish('conflict ' .. log.head) end
if log.head == 'none' then return finish('absent') end
if kept > log.count then return finish(string.format('past %d', log.count)) end
if kept == log.count then return finish('head ' .. log.head) end

-- Returns the size of the entries from first to last, or nil if they are too many.
--
-- Reading entries blocks the server (measured: 145 ms for 100,000 entries, while the truncate
-- itself takes 1.3 ms). So this reads at most 256 entries, and stops after 1 MB. If both the
-- deleted and the kept entries are more than that, the size of the log becomes unknown.
local function measure(first, last)
  if last - first >= 256 then return nil end
  local entries = {}
  local bytes = read_entries(entries, KEYS[3], first, last, 1000000)
  return #entries > last - first and bytes + #entries or nil
end

local bytes = 0
if kept > 0 then
  local cut = log.bytes and measure(kept, log.count - 1)
  bytes = cut and log.bytes - cut or measure(0, kept - 1)
  redis.call('LTRIM', KEYS[3], 0, kept - 1)
else
  redis.call('UNLINK', KEYS[3])
end
record_change(KEYS[2], stamp, bytes)
redis.call('HSET', KEYS[2], 'epoch', epoch_of(stamp, kept))
return finish('head ' .. head_of(kept, stamp), true)
