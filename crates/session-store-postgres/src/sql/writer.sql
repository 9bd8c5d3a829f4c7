-- The row of the writer, locked. A change does nothing if the row has its number already.
-- Parameters: 1 the writer, 2 the number of the change.
WITH writer AS MATERIALIZED (
    SELECT sequence, result, {commit} FROM {s}.writer WHERE token = $1 FOR UPDATE
),
