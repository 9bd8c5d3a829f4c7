-- Appends to a trace.
-- KEYS: writer, trace, traces
-- ARGV: sequence, is repeat, keep record for, segment, entry
redis.call('RPUSH', KEYS[2], ARGV[5])
redis.call('ZADD', KEYS[3], 0, ARGV[4])
return finish('traced', true)
