-- Reads a part of a log: head, epoch, entries...
-- KEYS: log, entries
-- ARGV: start, max bytes
local log = read_log(KEYS[1], KEYS[2])
if log.head == 'none' then return {} end
local reply = { log.head, log.epoch }
read_entries(reply, KEYS[2], tonumber(ARGV[1]), math.huge, tonumber(ARGV[2]))
return reply
