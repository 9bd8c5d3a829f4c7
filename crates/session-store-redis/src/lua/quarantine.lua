-- Moves texts that are not entries out of a log or a trace to the quarantine of the segment.
-- KEYS: writer, log, entries, quarantine, never; for a trace: writer, traces, trace, quarantine,
--       log, never
-- ARGV: sequence, is repeat, keep record for, 'log' or 'trace', segment, stamp, epoch of the log
--       when it was read, number of its items then, size of the entries among them or '', then
--       the position and the text of each item to move
local FIRST = 10
local kind, stamp = ARGV[4], ARGV[6]
local log = kind == 'log' and read_log(KEYS[2], KEYS[3])

-- A log has changed if its epoch is another one. A trace has no epoch. So this also compares the
-- texts of the bad items, which differ from the text of each entry.
if log and log.epoch ~= ARGV[7] then return finish('changed') end
for i = FIRST, #ARGV, 2 do
  local text = redis.call('LRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if text ~= ARGV[i + 1] then return finish('changed') end
end
local size = log and tonumber(ARGV[9])
if size then
  local appended = measure(KEYS[3], tonumber(ARGV[8]), log.count - 1)
  size = appended and size + appended
end

-- LSET replaces each text by the stamp, and LREM then removes all stamps. The stamp is random and
-- not an object, so no other item equals it. With these commands, Lua does not copy any entry.
for i = FIRST, #ARGV, 2 do
  local line = ARGV[i] + 1
  redis.call('RPUSH', KEYS[4], string.format('%s %.0f ', kind, line) .. ARGV[i + 1])
  redis.call('LSET', KEYS[3], ARGV[i], stamp)
end
redis.call('LREM', KEYS[3], (#ARGV - FIRST + 1) / 2, stamp)

local count = redis.call('LLEN', KEYS[3])
if log then
  record_change(KEYS[2], stamp, size)
  redis.call('HSET', KEYS[2], 'epoch', epoch_of(stamp, count))
elseif count == 0 and redis.call('EXISTS', KEYS[5]) == 1 then
  -- Remove the empty trace from the list of traces. Without a log, the trace stays in the list,
  -- because the deletion of the session then finds the quarantine only by this list.
  redis.call('ZREM', KEYS[2], ARGV[5])
end
return finish('moved', true)
