-- Reads which sessions have a list of segments, and which are in the list of sessions. Returns a
-- text of two digits for each session, each 1 or 0.
-- KEYS: segments and sessions of each session
-- ARGV: sessions...
local reply = {}
for i, session in ipairs(ARGV) do
  local has_segments = redis.call('EXISTS', KEYS[2 * i - 1]) == 1
  local listed = redis.call('ZSCORE', KEYS[2 * i], session)
  reply[i] = (has_segments and '1' or '0') .. (listed and '1' or '0')
end
return reply
