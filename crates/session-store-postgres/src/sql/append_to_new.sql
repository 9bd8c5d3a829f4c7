-- Creates the row of the log, unless it exists. The parameters are those of append.sql.
log AS (
    INSERT INTO {s}.log AS log (session_id, segment_id, trace, stamp, bytes, entries, modified)
    SELECT $3, $4, $5, $6, $7, cardinality($8::text[]), clock_timestamp()
    FROM (SELECT pg_advisory_xact_lock($9) FROM writer WHERE sequence < $2) AS locked
    ON CONFLICT (session_id, segment_id, trace) DO NOTHING
    RETURNING log.number, log.entries
),
