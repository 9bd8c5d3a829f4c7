-- Reads entries of a list from position first to position last into a table. Stops after max_bytes,
-- but not before the first entry. Returns the number of bytes.
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
