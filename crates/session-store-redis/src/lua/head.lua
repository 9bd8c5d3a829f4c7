-- The metadata of a log, and its head: the number of entries, an at sign, and the stamp of the last
-- change. The head of a log that does not exist is "none".
--
-- A log has two keys: a hash with its metadata, and a list with its entries. One of them can be
-- lost: evicted, deleted by another program, or left on another node when the move of a slot was
-- interrupted. The remaining key must not be taken for a log, and a new log must not overwrite it.
--
-- Redis does not store empty lists, so an empty log has no list. The field "stamp" is a random mark
-- of the last change. The field "epoch" is the stamp of the last change that cut or replaced
-- entries, followed by a "+" if that change left entries in the log. So the two fields are equal
-- only if the log is empty. If they differ and there is no list, the list is lost.
local function epoch_of(stamp, count)
  return count > 0 and stamp .. '+' or stamp
end

local function head_of(count, stamp)
  return string.format('%d@%s', count, stamp)
end

-- Returns the metadata of a log: head, number of entries and epoch, and the size in bytes if it is
-- known. For calls that only read, the client parses the same fields (metadata.rs).
--
-- The field "info" holds the size, the time, and the stamp of the change that wrote them. Handles
-- of an older version change the log without updating this field. But they set a new field "stamp".
-- So "info" is outdated if it contains another stamp, and is then ignored.
--
-- Redis keeps a hash in its compact form as long as no field is longer than 64 bytes. The three
-- values in one field fit in that limit, and one command writes them.
local function read_log(log, entries)
  local stamp, epoch, info = unpack(redis.call('HMGET', log, 'stamp', 'epoch', 'info'))
  local count = redis.call('LLEN', entries)
  if not stamp then
    if count > 0 then error({ err = 'APART a log is missing beside its list ' .. entries }) end
    return { head = 'none', count = 0 }
  end
  if count == 0 and stamp ~= epoch then
    error({ err = 'APART the list of entries is missing beside the log ' .. log })
  end
  local of_stamp, bytes = string.match(info or '', '^(%x+) (%S+) %d+$')
  if of_stamp ~= stamp then bytes = nil end
  return { head = head_of(count, stamp), count = count, epoch = epoch, bytes = tonumber(bytes) }
end

-- Records a change of a log: its stamp, the new size or nil if it is unknown, and the time of the
-- change, in microseconds by the clock of this server. Returns the time as text.
local function record_change(log, stamp, bytes)
  local seconds, micros = unpack(redis.call('TIME'))
  local modified = seconds .. string.format('%06d', micros)
  local size = bytes and string.format('%.0f', bytes) or '-'
  redis.call('HSET', log, 'stamp', stamp, 'info', stamp .. ' ' .. size .. ' ' .. modified)
  return modified
end

-- Lists a segment and its session if they are not listed. The server, or another program, can
-- delete the list of sessions or of segments, so every append does this. The lookups come first,
-- because they are cheaper than ZADD (measured: both lookups together take 0.6 µs if the lists are
-- short, and 1.7 µs with 100 members in each).
local function list_segment(sessions, session, segments, segment)
  if not redis.call('ZSCORE', segments, segment) then redis.call('ZADD', segments, 0, segment) end
  if not redis.call('ZSCORE', sessions, session) then redis.call('ZADD', sessions, 0, session) end
end
