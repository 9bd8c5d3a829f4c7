-- Appends to a log or replaces it. Creates the log if that is allowed.
-- KEYS: writer, log, entries, segments, sessions, staging if entries are staged, never (keys.rs) if
--       the log is replaced
-- ARGV: sequence, is repeat, keep record for, session, segment, stamp, 'append' or 'replace',
--       expected head or '', earliest creation time or '' (the log must exist), bytes of all
--       entries, number of staged entries, entries...
local FIRST = 12
local log = read_log(KEYS[2], KEYS[3])
local exists, replace, staged = log.head ~= 'none', ARGV[7] == 'replace', tonumber(ARGV[11])

if ARGV[8] ~= '' and ARGV[8] ~= log.head then return finish('conflict ' .. log.head) end
if not exists and ARGV[9] == '' then return finish('absent') end
if exists and not replace and staged == 0 and #ARGV < FIRST then
  return finish('head ' .. log.head)
end
if staged > 0 and redis.call('LLEN', KEYS[6]) ~= staged then return finish('unstaged') end

if replace or not exists then
  redis.call('UNLINK', KEYS[3])
  log.count, log.bytes = 0, 0
end
local count = log.count
if staged > 0 and count == 0 then
  redis.call('RENAME', KEYS[6], KEYS[3])
  count = staged
  -- The staging list expires. The log must not.
  redis.call('PERSIST', KEYS[3])
else
  -- Lua holds the entries of a batch in memory, so a batch should have about 1 MB. The mean size of
  -- the entries that were moved so far gives the number of entries for the next batch.
  local moved, bytes, batch = 0, 0, 1
  while moved < staged do
    local entries = redis.call('LPOP', KEYS[6], batch)
    count = redis.call('RPUSH', KEYS[3], unpack(entries))
    for _, entry in ipairs(entries) do bytes = bytes + #entry end
    moved = moved + #entries
    batch = math.max(1, math.min(500, math.floor(1000000 * moved / bytes)))
  end
end
-- Lua's stack holds about 8,000 values, so a call has at most 1,000 of them.
for first = FIRST, #ARGV, 1000 do
  count = redis.call('RPUSH', KEYS[3], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end

local stamp = ARGV[6]
local now = record_change(KEYS[2], stamp, log.bytes and log.bytes + tonumber(ARGV[10]))
if replace or not exists then
  redis.call('HSET', KEYS[2], 'epoch', epoch_of(stamp, count))
end
if not exists then
  local created = math.max(tonumber(now), tonumber(ARGV[9]))
  redis.call('HSET', KEYS[2], 'created', string.format('%.0f', created))
end
list_segment(KEYS[5], ARGV[4], KEYS[4], ARGV[5])
return finish('head ' .. head_of(count, stamp), true)
