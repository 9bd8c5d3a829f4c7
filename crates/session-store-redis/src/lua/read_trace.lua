-- Reads a part of a trace.
-- KEYS: trace
-- ARGV: start, max bytes
return add_page({}, KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
