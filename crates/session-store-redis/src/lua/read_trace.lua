-- Reads a part of a trace.
-- KEYS: trace
-- ARGV: start, max bytes
local reply = {}
read_entries(reply, KEYS[1], tonumber(ARGV[1]), math.huge, tonumber(ARGV[2]))
return reply
