-- Begins a list that is no log yet, and vanishes unless it becomes one in time.
-- KEYS: staging
-- ARGV: milliseconds to live, entry
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
