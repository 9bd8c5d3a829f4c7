-- KEYS: writer, pods
-- ARGV: sequence, sent before, remember for, name, text
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
return finish('put', true)
