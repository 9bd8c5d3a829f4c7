-- Reads a part of a log: head, epoch, entries...
-- KEYS: log, entries
-- ARGV: start, max bytes
local head, _, epoch = head_of(KEYS[1], KEYS[2])
if head == 'none' then return {} end
return add_page({ head, epoch }, KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2]))
