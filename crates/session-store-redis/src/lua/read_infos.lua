-- Reads the metadata of logs. Returns a text for each log: its head, its size in bytes and the time
-- of its last change, separated by spaces, with "-" for an unknown size or time.
-- KEYS: log and entries of each segment
local reply = {}
for i = 1, #KEYS, 2 do
  local log = read_log(KEYS[i], KEYS[i + 1])
  local bytes = log.bytes and string.format('%.0f', log.bytes) or '-'
  reply[#reply + 1] = log.head .. ' ' .. bytes .. ' ' .. (log.modified or '-')
end
return reply
