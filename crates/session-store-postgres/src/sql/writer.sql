-- Locks the row of the writer. Finds no row if the change was prevented, or if the server has lost
-- an earlier change of the writer. Parameters: 1 the writer, 2 the number of the change.
WITH writer AS MATERIALIZED (
    SELECT {commit} AS commit FROM {s}.writer WHERE token = $1 AND sequence = $2::bigint - 1 FOR UPDATE
),
