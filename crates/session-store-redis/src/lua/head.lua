-- The head of a log: 'none', or its count of entries an at sign and the stamp of its last change.
local function head_of(log, entries)
  local stamp = redis.call('HGET', log, 'stamp')
  if not stamp then return 'none', 0 end
  local count = redis.call('LLEN', entries)
  return string.format('%d@%s', count, stamp), count
end
