-- KEYS: log, entries
return (head_of(KEYS[1], KEYS[2]))
