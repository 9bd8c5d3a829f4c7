-- Puts a pod.
-- KEYS: writer, pods
-- ARGV: sequence, is repeat, keep record for, name, text
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
return finish('put', true)
