-- A part of a log: its head, its epoch, entries...
-- KEYS: log, entries
-- ARGV: start, most bytes
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return {} end
return add_page({ head_of(KEYS[1], KEYS[2]), epoch }, KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2]))
