-- The first part of every script that changes something. It makes sure that a change is done once,
-- even if several copies of the call arrive.
-- KEYS[1]: the record of the writer: the number and the reply of its last change
-- ARGV[1]: the number of this change
-- ARGV[2]: "1" if this call is a repeat, else "0"
-- ARGV[3]: how long to keep the record, in milliseconds

-- Returns the reply. Records it first if the call changed something or is a repeat.
local function finish(reply, changed)
  -- The refusal of a repeat is recorded too, because an earlier copy of the call may still arrive.
  -- That copy must not be executed after the caller has received an error.
  if changed or ARGV[2] == '1' then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. reply, 'PX', ARGV[3])
  end
  return reply
end

local record = redis.call('GET', KEYS[1])
if record then
  local sequence, reply = string.match(record, '^(%d+) (.*)$')
  if tonumber(sequence) == tonumber(ARGV[1]) then return reply end
  -- This is a late copy of an earlier change. Its caller has already received the reply.
  if tonumber(sequence) > tonumber(ARGV[1]) then return 'superseded' end
end
