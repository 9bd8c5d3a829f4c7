-- Adds to a reply the entries of a list from a position on: about as many as fit in max_bytes, at
-- least one.
local function add_page(reply, key, start, max_bytes)
  local bytes, entries, batch = 0, 0, 1
  repeat
    local found = redis.call('LRANGE', key, start + entries, start + entries + batch - 1)
    for _, entry in ipairs(found) do
      reply[#reply + 1] = entry
      bytes = bytes + #entry
    end
    entries = entries + #found
    local ended = #found < batch
    -- The next batch is estimated from the mean size so far. It is small, since the next entries
    -- may be much larger.
    batch = math.max(1, math.min(64, math.floor((max_bytes - bytes) * entries / math.max(bytes, 1))))
  until ended or bytes >= max_bytes
  return reply
end
