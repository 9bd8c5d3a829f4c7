-- Starts a list of staged entries. The list expires unless it becomes part of a log.
-- KEYS: staging
-- ARGV: lifetime in milliseconds, entry
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
