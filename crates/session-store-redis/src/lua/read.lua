-- Reads a part of a log: the fields of its metadata, the number of its entries, entries...
-- KEYS: log, entries
-- ARGV: start, max bytes
local reply = redis.call('HMGET', KEYS[1], 'stamp', 'epoch', 'info')
reply[#reply + 1] = redis.call('LLEN', KEYS[2])
read_entries(reply, KEYS[2], tonumber(ARGV[1]), math.huge, tonumber(ARGV[2]))
return reply
