-- The head of a log: 'none', or its count of entries an at sign and the stamp of its last change. Beside it the
-- count and the epoch.
--
-- A log is two keys, of which one can be lost: evicted, deleted by hand, or left on another node by the move of
-- a slot that was cut short. What is left must not pass for a log, or be written over by a new one. An empty
-- log has no list of entries, so its epoch tells that it is empty: only then it is the stamp.
local function epoch_of(stamp, count)
  return count > 0 and stamp .. '+' or stamp
end

local function head_of(log, entries)
  local stamp, epoch = unpack(redis.call('HMGET', log, 'stamp', 'epoch'))
  local count = redis.call('LLEN', entries)
  if stamp and count == 0 and stamp ~= epoch then
    error({ err = 'APART the entries of the log are missing' })
  end
  if not stamp and count > 0 then error({ err = 'APART the log of the entries is missing' }) end
  if not stamp then return 'none', 0 end
  return string.format('%d@%s', count, stamp), count, epoch
end
