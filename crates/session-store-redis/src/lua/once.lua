-- Before every change: a change is done once, however often it arrives. KEYS[1] holds what this writer did
-- last, as "sequence reply"; ARGV has the sequence, whether the change was sent before, and for how many
-- milliseconds to remember it.
local function finish(reply, changed)
  -- A refusal is remembered too if an earlier copy of the command may still arrive: it must not be obeyed
  -- after its sender was told no.
  if changed or ARGV[2] == '1' then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. reply, 'PX', ARGV[3])
  end
  return reply
end

local done = redis.call('GET', KEYS[1])
if done then
  local sequence, reply = string.match(done, '^(%d+) (.*)$')
  if tonumber(sequence) == tonumber(ARGV[1]) then return reply end
  if tonumber(sequence) > tonumber(ARGV[1]) then return 'superseded' end
end
