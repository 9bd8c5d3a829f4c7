-- Executes commands that read, in one step. Returns their replies.
-- KEYS: the key of each command
-- ARGV: for each command, the number of its words and its words
local replies, at = {}, 1
while ARGV[at] do
  local last = at + tonumber(ARGV[at])
  replies[#replies + 1] = redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return replies
