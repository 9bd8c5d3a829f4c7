-- Adds to a list of staged entries. The list expires unless its entries are added to a log.
-- KEYS: writer, staging
-- ARGV: sequence, is repeat, keep record for, lifetime in milliseconds, entries...
for first = 5, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return finish('staged', true)
