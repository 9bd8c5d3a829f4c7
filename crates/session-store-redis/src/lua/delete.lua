-- Deletes segments of a session with their traces. If the session is to be deleted as a whole, the
-- script deletes all its segments or none of them.
-- KEYS: writer, sessions, segments, traces, then log, entries, trace and quarantine of each
--       segment, never
-- ARGV: sequence, is repeat, keep record for, session, 'whole' or '', segments...
local FIRST = 6
if ARGV[5] == 'whole' then
  -- A script may only use keys that it declares. So a segment that the call does not name cannot be
  -- deleted, and the caller must list the segments again.
  local named = {}
  for i = FIRST, #ARGV do named[ARGV[i]] = true end
  for index = 3, 4 do
    for _, segment in ipairs(redis.call('ZRANGE', KEYS[index], 0, -1)) do
      if not named[segment] then return finish('grown') end
    end
  end
end

local deleted = 0
for i = FIRST, #ARGV do
  local key = 5 + (i - FIRST) * 4
  deleted = deleted + redis.call('UNLINK', KEYS[key], KEYS[key + 1], KEYS[key + 2])
  redis.call('UNLINK', KEYS[key + 3])
  redis.call('ZREM', KEYS[3], ARGV[i])
  redis.call('ZREM', KEYS[4], ARGV[i])
end
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZREM', KEYS[2], ARGV[4]) end
return finish(deleted > 0 and 'deleted' or 'nothing', deleted > 0)
