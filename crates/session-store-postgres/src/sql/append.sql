-- Adds the number and the size of the new entries to the row of the log. Creates the row if it does
-- not exist. Parameters: 3 session, 4 segment, 5 whether it is a trace, 6 the stamp, 7 the size of
-- the new entries, 8 their texts, 9 the key of the lock that precedes a creation, 10 whether the
-- log can exist already.
log AS (
    INSERT INTO {s}.log AS log (session_id, segment_id, trace, stamp, bytes, entries, modified)
    SELECT $3, $4, $5, $6, $7, cardinality($8::text[]), clock_timestamp()
    FROM (SELECT pg_advisory_xact_lock($9) FROM writer) AS locked
    ON CONFLICT (session_id, segment_id, trace) DO UPDATE
    SET stamp = excluded.stamp, bytes = log.bytes + excluded.bytes,
        entries = log.entries + excluded.entries, modified = clock_timestamp()
    WHERE $10
    RETURNING log.number, log.entries
),
