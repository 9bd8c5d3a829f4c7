-- Reads the head of a log.
-- KEYS: log, entries
return (head_of(KEYS[1], KEYS[2]))
