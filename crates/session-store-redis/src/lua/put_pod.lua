-- Puts a pod, if the stored text of the pod is the expected one.
-- KEYS: writer, pods
-- ARGV: sequence, is repeat, keep record for, name, text, expected text, 'none' or '' (any)
local expected = ARGV[6]
if expected ~= '' and expected ~= (redis.call('HGET', KEYS[2], ARGV[4]) or 'none') then
  return finish('pod_conflict')
end
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
return finish('put', true)
