-- The prelude of every script that changes something: a change is done once, however often it
-- arrives. KEYS[1]: the writer's record, "sequence reply" ARGV[1] to ARGV[3]: sequence; "1" for a
-- repeat, else "0"; how long to keep the record, in milliseconds

-- Records the reply, if it must be recorded, and returns it.
local function finish(reply, changed)
  -- The refusal of a repeat is recorded too. An earlier copy of the command may still arrive. It
  -- must not be executed after the caller has got an error.
  if changed or ARGV[2] == '1' then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. reply, 'PX', ARGV[3])
  end
  return reply
end

local record = redis.call('GET', KEYS[1])
if record then
  local sequence, reply = string.match(record, '^(%d+) (.*)$')
  if tonumber(sequence) == tonumber(ARGV[1]) then return reply end
  -- A late copy of an earlier change. Its caller has got the reply long ago.
  if tonumber(sequence) > tonumber(ARGV[1]) then return 'superseded' end
end
