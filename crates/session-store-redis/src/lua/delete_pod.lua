-- Deletes a pod.
-- KEYS: writer, pods
-- ARGV: sequence, is repeat, keep record for, name
local deleted = redis.call('HDEL', KEYS[2], ARGV[4]) > 0
return finish(deleted and 'deleted' or 'nothing', deleted)
