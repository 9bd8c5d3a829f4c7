-- Adds the number and the size of the new entries to the row of the log, if the row has the
-- expected head. Parameters: 3 to 8 as in append.sql, 9 the expected number of entries, 10 the
-- expected stamp.
log AS (
    UPDATE {s}.log AS log SET stamp = $6, bytes = log.bytes + $7,
        entries = log.entries + cardinality($8::text[]), modified = clock_timestamp()
    FROM writer
    WHERE log.session_id = $3 AND log.segment_id = $4 AND log.trace = $5
        AND log.entries = $9 AND log.stamp = $10
    RETURNING log.number, log.entries
),
