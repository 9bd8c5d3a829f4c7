-- Reads which keys of segments exist, and which lists contain the segments. Returns a text of five
-- digits for each segment, each 1 or 0: whether the log exists, whether the entries exist, whether
-- the segment is in the list of segments, whether the trace or the quarantine exists, and whether
-- the segment is in the list of traces.
-- KEYS: log, entries, segments, trace, quarantine and traces of each segment
-- ARGV: segments...
local function digit(found)
  return found and found ~= 0 and '1' or '0'
end

local reply = {}
for i, segment in ipairs(ARGV) do
  local log, entries, segments, trace, quarantine, traces = unpack(KEYS, 6 * i - 5, 6 * i)
  reply[i] = digit(redis.call('EXISTS', log)) .. digit(redis.call('EXISTS', entries))
    .. digit(redis.call('ZSCORE', segments, segment))
    .. digit(redis.call('EXISTS', trace, quarantine)) .. digit(redis.call('ZSCORE', traces, segment))
end
return reply
