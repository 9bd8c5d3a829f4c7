-- Inserts the entries, and records the change in the row of the writer. The new row of the log
-- determines the positions of the entries. The result is null if the row of the log did not have
-- the expected head.
appended AS (
    INSERT INTO {s}.entry (log, position, text)
    SELECT log.number, log.entries - cardinality($8::text[]) + new.ordinality - 1, new.text
    FROM log, unnest($8::text[]) WITH ORDINALITY AS new (text, ordinality)
), recorded AS (
    UPDATE {s}.writer SET sequence = $2, result = log.entries, changed = now()
    FROM log WHERE token = $1
)
SELECT log.entries FROM writer LEFT JOIN log ON TRUE
