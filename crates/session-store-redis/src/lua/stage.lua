-- Adds to a list that is no log yet, and vanishes unless it becomes one or part of one in time.
-- KEYS: writer, staging
-- ARGV: sequence, sent before, remember for, milliseconds to live, entries...
for first = 5, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return finish('staged', true)
