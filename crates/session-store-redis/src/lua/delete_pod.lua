-- KEYS: writer, pods
-- ARGV: sequence, sent before, remember for, name
local deleted = redis.call('HDEL', KEYS[2], ARGV[4]) > 0
return finish(deleted and 'deleted' or 'nothing', deleted)
