-- The head of a log: "none", or the number of entries, an at sign, and the stamp of the last
-- change.
--
-- A log has two keys, and one of them can be lost: evicted, deleted by another program, or left on
-- another node when the move of a slot was interrupted. The remaining key must not be taken for a
-- log, and must not be overwritten by a new log. An empty log has no list of entries, since Redis
-- does not store empty lists. So its epoch marks it as empty: only then epoch and stamp are equal.
local function epoch_of(stamp, count)
  return count > 0 and stamp .. '+' or stamp
end

-- Returns the head, the number of entries and the epoch.
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
