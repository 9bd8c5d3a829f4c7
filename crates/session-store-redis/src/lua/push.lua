-- Appends to a log together with RPUSHX, so that Lua gets no entry. A transaction runs this script
-- ('begin'), then RPUSHX of the entries and the stamp to the pending list, and then this script
-- again ('end').
--
-- Redis does not roll back a transaction if one of its commands fails. So each command does nothing
-- unless the command before it has succeeded. 'begin' makes all checks, and then renames the list
-- of entries to the pending list. RPUSHX only adds to a list that exists. It adds all its values
-- or none, so the stamp shows 'end' that all entries were added. The stamp is random and not an
-- object, so no entry equals it. With or without the stamp, 'end' gives the list its name back.
--
-- 'end' must not fail before that. So 'begin' runs the same commands with the same keys: if the
-- login has no permission for one of them, 'begin' already fails. SCRIPT KILL cannot end a run,
-- because a server looks for it only after each 100,000 instructions of Lua.
-- KEYS: writer, log, entries, segments, sessions, pending
-- ARGV: sequence, is repeat, keep record for, session, segment, stamp, 'begin' or 'end', expected
--       head or '', '', bytes of all entries
local log, entries, pending, stamp = KEYS[2], KEYS[3], KEYS[6], ARGV[6]
local pushed = redis.call('LREM', pending, -1, stamp) == 1

if ARGV[7] == 'begin' then
  local before = read_log(log, entries)
  local fits = before.count > 0 and (ARGV[8] == '' or ARGV[8] == before.head)
  -- After a refused MULTI, a server executes each command alone. Other clients could then see the
  -- log without its list.
  if fits and redis.acl_check_cmd('MULTI') then redis.call('RENAME', entries, pending) end
  return 'begun'
end

if redis.call('LLEN', pending) > 0 then redis.call('RENAME', pending, entries) end
-- Nothing was changed. The client then sends the script append.lua.
if not pushed then return 'unfit' end
local after = read_log(log, entries)
record_change(log, stamp, after.bytes and after.bytes + tonumber(ARGV[10]))
list_segment(KEYS[5], ARGV[4], KEYS[4], ARGV[5])
return finish('head ' .. head_of(after.count, stamp), true)
