-- Reads entries of a list from position first to position last into a table. Stops after max_bytes,
-- but always reads the first entry. Returns the number of bytes that it has read.
local function read_entries(into, key, first, last, max_bytes)
  local bytes, entries, batch = 0, 0, 1
  repeat
    local from = first + entries
    local found = redis.call('LRANGE', key, from, math.min(from + batch - 1, last))
    for _, entry in ipairs(found) do
      into[#into + 1] = entry
      bytes = bytes + #entry
    end
    entries = entries + #found
    local ended = #found < batch
    -- The mean size so far gives the number of entries in the next batch. A batch has at most 64
    -- entries, because the next entries may be much larger.
    batch =
      math.max(1, math.min(64, math.floor((max_bytes - bytes) * entries / math.max(bytes, 1))))
  until ended or bytes >= max_bytes
  return bytes
end

-- Returns the size of the entries of a list from position first to position last, or nil if they
-- are too many or too large to measure.
--
-- Reading entries blocks the server (measured: 145 ms for 100,000 entries, while the LTRIM of a
-- truncate takes 1.3 ms). So this reads at most 256 entries, and stops after 1 MB.
local function measure(key, first, last)
  if last - first >= 256 then return nil end
  local entries = {}
  local bytes = read_entries(entries, key, first, last, 1000000)
  return #entries > last - first and bytes + #entries or nil
end
