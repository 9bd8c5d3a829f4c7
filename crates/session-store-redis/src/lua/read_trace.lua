-- A part of a trace.
-- KEYS: trace
-- ARGV: start, most bytes
return add_page({}, KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
