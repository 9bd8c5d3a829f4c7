//! The `Maintenance` trait: SQLite's integrity check, a comparison of the logs with their entries,
//! and the repair of indexes and unknown sizes.

use rusqlite::{Connection, Row};
use session_store_core::{
    Finding, Maintenance, SegmentId, SegmentKey, SessionId, Severity, StoreError,
};

use crate::error::Result;
use crate::listing::select_all;
use crate::schema::{HAS_INFO, has_info_columns};
use crate::store::SqliteStore;

/// The condition for a log whose stored size counts.
const IS_SIZE_KNOWN: &str = "info_entries = entries AND info_epoch = epoch AND bytes >= 0";

type Findings = Result<Vec<Finding>>;

/// The parts of the check.
///
/// Each is a query of its own, because the write-ahead log cannot be truncated during a query. They
/// read the table `log` without its indexes: a query fails if an index names a row that the table
/// does not have.
const CHECKS: [fn(&Connection) -> Findings; 4] =
    [check_integrity, check_logs, check_stray_rows, check_sizes];

impl Maintenance for SqliteStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        for check in CHECKS {
            // The findings are reported after the query, so that `report` can use the store.
            self.database.read("check the database", check)?.into_iter().for_each(&mut *report);
        }
        Ok(())
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        // The check can take long, so it runs in a read, which does not block other writers.
        let errors = self.database.read("check the database", integrity_errors)?;
        if errors.iter().any(|error| is_index_error(error)) {
            report(self.database.write("rebuild the indexes", rebuild_indexes)?);
        }
        let measured = self.database.write("measure the logs", measure_logs)?;
        measured.into_iter().for_each(report);
        Ok(())
    }
}

fn check_integrity(connection: &Connection) -> Findings {
    let fault = |cause: String| {
        let remedy = if is_index_error(&cause) {
            "a repair rebuilds the indexes"
        } else {
            "copy the sessions that are readable to a new store"
        };
        let place = connection.path().unwrap_or_default();
        Finding::new(Severity::Fault, place, cause).with_remedy(remedy)
    };
    Ok(integrity_errors(connection)?.into_iter().map(fault).collect())
}

/// Reports logs and traces with fewer or more rows than entries.
fn check_logs(connection: &Connection) -> Findings {
    let select = "SELECT session_id, segment_id, iif(trace, 'trace', 'log'), entries,
             (SELECT count(*) FROM entry
              WHERE id BETWEEN number << 32 AND (number << 32) + entries - 1) AS present,
             (SELECT count(*) FROM entry
              WHERE id BETWEEN (number << 32) + entries AND (number << 32) + 4294967295) AS extra
         FROM log NOT INDEXED
         WHERE length(session_id) = 16 AND length(segment_id) = 16
             AND (present < entries OR extra > 0)";
    select_all(connection, select, (), log_fault)
}

fn log_fault(row: &Row<'_>) -> rusqlite::Result<Finding> {
    let (session_id, segment_id, kind, entries, present, extra) = row.try_into()?;
    let (kind, entries, present, extra): (String, i64, i64, i64) = (kind, entries, present, extra);
    let key = SegmentKey {
        session_id: SessionId::from_bytes(session_id),
        segment_id: SegmentId::from_bytes(segment_id),
    };
    let (cause, remedy) = if present < entries {
        let cause = format!("{} of {entries} entries are missing", entries - present);
        (cause, "copy the readable entries to a new segment")
    } else {
        let cause = format!("{extra} rows follow the last entry, and appends fail");
        (cause, "copy the segment to a new one")
    };
    Ok(Finding::new(Severity::Fault, format!("{kind} of {key}"), cause).with_remedy(remedy))
}

/// Reports entries that belong to no log.
fn check_stray_rows(connection: &Connection) -> Findings {
    let select =
        "SELECT count(*) FROM entry WHERE id >> 32 NOT IN (SELECT number FROM log NOT INDEXED)";
    let rows: i64 = connection.query_row(select, (), |row| row.get(0))?;
    let cause = format!("{rows} rows do not belong to a log");
    let fault = Finding::new(Severity::Fault, "table entry", cause)
        .with_remedy("copy the sessions to a new store");
    Ok((rows > 0).then_some(fault).into_iter().collect())
}

/// Reports logs of unknown size. The upgrade from version 1, handles of older programs and cuts of
/// many entries leave such logs behind.
fn check_sizes(connection: &Connection) -> Findings {
    let is_known = if has_info_columns(connection)? { IS_SIZE_KNOWN } else { "FALSE" };
    let select = format!(
        "SELECT count(*) FROM log NOT INDEXED WHERE trace = 0 AND ({is_known}) IS NOT TRUE"
    );
    let logs: i64 = connection.query_row(&select, (), |row| row.get(0))?;
    let remedy = "a repair measures them; until then listings do not have their sizes";
    let note = note(connection, format!("the size of {logs} logs is unknown")).with_remedy(remedy);
    Ok((logs > 0).then_some(note).into_iter().collect())
}

fn rebuild_indexes(connection: &Connection) -> Result<Finding> {
    connection.execute_batch("REINDEX")?;
    Ok(note(connection, "the indexes were rebuilt".to_owned()))
}

/// Measures the logs of unknown size, which reads all their entries. Other writers wait until then.
/// The time of the last change of such a log stays unknown.
fn measure_logs(connection: &Connection) -> Findings {
    // `octet_length` counts bytes in the encoding of the database, see `log_row::size_from`.
    let update = format!(
        "UPDATE log SET info_entries = entries, info_epoch = epoch,
             modified = iif({HAS_INFO}, modified, NULL),
             bytes = (SELECT ifnull(sum(octet_length(text) + 1), 0) FROM entry
                 WHERE id BETWEEN number << 32 AND (number << 32) + entries - 1)
         WHERE trace = 0 AND ({IS_SIZE_KNOWN}) IS NOT TRUE
             AND (SELECT encoding FROM pragma_encoding) = 'UTF-8'"
    );
    let logs = connection.execute(&update, ())?;
    let note = note(connection, format!("the size of {logs} logs was measured"));
    Ok((logs > 0).then_some(note).into_iter().collect())
}

/// Returns the messages of SQLite's own check, and none for a sound database.
fn integrity_errors(connection: &Connection) -> Result<Vec<String>> {
    let messages = select_all(connection, "PRAGMA integrity_check", (), |row| row.get(0))?;
    Ok(messages.into_iter().filter(|message: &String| message != "ok").collect())
}

/// Returns whether rebuilding the indexes can help against this error.
fn is_index_error(message: &str) -> bool {
    message.contains(" index ")
}

fn note(connection: &Connection, cause: String) -> Finding {
    Finding::new(Severity::Note, connection.path().unwrap_or_default(), cause)
}
