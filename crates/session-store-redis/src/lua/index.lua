-- Adds a member to an index if one of the member's keys exists. Otherwise removes the member.
-- KEYS: index, never, keys...
-- ARGV: member
if redis.call('EXISTS', unpack(KEYS, 3)) > 0 then
  redis.call('ZADD', KEYS[1], 0, ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
