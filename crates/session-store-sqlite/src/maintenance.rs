//! The `Maintenance` trait: a check and a repair of the database. The check runs SQLite's integrity
//! check, and compares the tables with each other and with their indexes. The repair rebuilds
//! indexes, repairs damaged logs and stores the sizes of logs.

use rusqlite::{Connection, ErrorCode, Row};
use session_store_core::{
    Finding, Maintenance, PodName, SegmentId, SegmentKey, SessionId, Severity, StoreError,
};

use crate::error::Result;
use crate::listing::select_all;
use crate::log_row::LogKind;
use crate::quarantine::{self, Repaired, StoredLog};
use crate::schema::{IS_ROW_VALID, IS_SIZE_KNOWN, has_info_columns};
use crate::sizes;
use crate::store::SqliteStore;

type Findings = Result<Vec<Finding>>;

/// The parts of the check.
///
/// Each part is a query of its own, because the write-ahead log cannot be truncated during a query.
/// The queries read the table `log` without its indexes. With an index, SQLite would fail the query
/// if the index names a row that the table does not have.
const CHECKS: [fn(&Connection) -> Findings; 11] = [
    check_schema,
    check_integrity,
    check_rows_without_listing,
    check_listing_without_rows,
    check_log_rows,
    check_logs,
    check_stray_rows,
    check_traces,
    check_sizes,
    check_pods,
    check_quarantine,
];

const REBUILD: &str = "a repair rebuilds the indexes";

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
        self.repair_segments(&|_| true, report)?;
        let wrong = self.database.read("check the sizes of the logs", wrong_sizes)?;
        let wrong = wrong.into_iter().map(|(number, _)| number).collect();
        let logs = sizes::measure(&self.database, wrong)?;
        if logs > 0 {
            let place = self.database.path().display().to_string();
            report(Finding::new(Severity::Note, place, format!("logs that were measured: {logs}")));
        }
        Ok(())
    }

    /// Repairs each log or trace with damaged or missing rows in a write of its own.
    ///
    /// Finds these logs and traces by reads, so that the check of a sound log does not block
    /// writers.
    fn repair_segments(
        &self,
        is_selected: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        for log in self.database.read("list the logs", quarantine::stored_logs)? {
            if !is_selected(log.key) {
                continue;
            }
            let name = place_name(log.kind, log.key);
            let operation = format!("repair the {name}");
            if !self.database.read(&operation, |connection| log.is_damaged(connection))? {
                continue;
            }
            let repaired = self.database.write(&operation, |connection| log.repair(connection))?;
            let Some(Repaired { moved, missing }) = repaired else { continue };
            if moved > 0 {
                let cause = format!("moved {moved} bad rows to the table quarantined_entry");
                let finding = Finding::new(Severity::Note, &name, cause);
                report(finding.with_remedy("look there for the text of lost entries"));
            }
            if missing > 0 {
                let cause =
                    format!("moved the later entries up to the place of {missing} lost ones");
                report(Finding::new(Severity::Note, &name, cause));
            }
        }
        Ok(())
    }
}

fn place_name(kind: LogKind, key: SegmentKey) -> String {
    format!("{kind} of {key}")
}

fn check_integrity(connection: &Connection) -> Findings {
    let fault = |cause: String| {
        let is_repairable = is_index_error(&cause);
        let fault = Finding::new(Severity::Fault, connection.path().unwrap_or_default(), cause);
        if is_repairable {
            return fault.with_remedy(REBUILD).repairable();
        }
        fault.with_remedy("copy the sessions that are readable to a new store")
    };
    Ok(integrity_errors(connection)?.into_iter().map(fault).collect())
}

/// Reports triggers and views, because a store ignores them.
fn check_schema(connection: &Connection) -> Findings {
    let select = "SELECT type || ' ' || name || ' on ' || tbl_name FROM sqlite_schema
                  WHERE type IN ('trigger', 'view')";
    select_all(connection, select, (), |row| {
        let cause = format!("the {} has no effect on a store", row.get::<_, String>(0)?);
        Ok(note(connection, cause))
    })
}

/// Reports segments and traces that are in the table `log` and not in its index. No listing and no
/// read finds these.
fn check_rows_without_listing(connection: &Connection) -> Findings {
    let select = format!(
        "SELECT session_id, segment_id, iif(trace, 'trace', 'log') FROM log AS found NOT INDEXED
         WHERE {IS_ROW_VALID} AND NOT EXISTS (
             SELECT 1 FROM log INDEXED BY sqlite_autoindex_log_1
             WHERE session_id = found.session_id AND segment_id = found.segment_id
                 AND trace = found.trace AND number = found.number)"
    );
    let cause = "it is stored, but listings and reads do not find it";
    select_all(connection, &select, (), |row| index_fault(row, cause))
}

/// Reports segments and traces that are in the index of `log` and not in the table itself.
fn check_listing_without_rows(connection: &Connection) -> Findings {
    let select = "SELECT session_id, segment_id, iif(trace, 'trace', 'log')
         FROM log INDEXED BY sqlite_autoindex_log_1
         WHERE length(session_id) = 16 AND length(segment_id) = 16
             AND number NOT IN (SELECT number FROM log NOT INDEXED)";
    select_all(connection, select, (), |row| index_fault(row, "it is listed, but not stored"))
}

fn index_fault(row: &Row<'_>, cause: &str) -> rusqlite::Result<Finding> {
    Ok(Finding::new(Severity::Fault, place(row)?, cause).with_remedy(REBUILD).repairable())
}

/// Returns the name of a log or a trace, from the ids and the kind in the first three columns.
fn place(row: &Row<'_>) -> rusqlite::Result<String> {
    let key = SegmentKey {
        session_id: SessionId::from_bytes(row.get(0)?),
        segment_id: SegmentId::from_bytes(row.get(1)?),
    };
    Ok(format!("{} of {key}", row.get::<_, String>(2)?))
}

/// Reports rows of the table `log` that no store can have written. No call returns such a row.
fn check_log_rows(connection: &Connection) -> Findings {
    let select =
        format!("SELECT number, entries FROM log NOT INDEXED WHERE ({IS_ROW_VALID}) IS NOT TRUE");
    select_all(connection, &select, (), |row| {
        let [number, entries]: [i64; 2] = [row.get(0)?, row.get(1)?];
        let cause = format!("its ids or numbers are invalid, so its {entries} entries are ignored");
        let remedy = "restore the sessions from a backup";
        let place = format!("row {number} of the table log");
        Ok(Finding::new(Severity::Fault, place, cause).with_remedy(remedy))
    })
}

/// Reports logs and traces with fewer or more rows than entries, and logs with a wrong stored size.
fn check_logs(connection: &Connection) -> Findings {
    let select = "SELECT session_id, segment_id, iif(trace, 'trace', 'log'), entries,
             (SELECT count(*) FROM entry
              WHERE id BETWEEN number << 32 AND (number << 32) + entries - 1) AS present,
             (SELECT count(*) FROM entry
              WHERE id BETWEEN (number << 32) + entries AND (number << 32) + 4294967295) AS extra
         FROM log NOT INDEXED
         WHERE length(session_id) = 16 AND length(segment_id) = 16
             AND (present < entries OR extra > 0)";
    let mut faults = select_all(connection, select, (), log_fault)?;
    faults.extend(wrong_sizes(connection)?.into_iter().map(|(_, fault)| fault));
    Ok(faults)
}

/// Returns the numbers of the logs with a wrong stored size, each with its fault. A log with
/// missing rows is not measured.
fn wrong_sizes(connection: &Connection) -> Result<Vec<(i64, Finding)>> {
    if !has_info_columns(connection)? {
        return Ok(Vec::new());
    }
    let select = format!(
        "SELECT session_id, segment_id, 'log', number, bytes,
             (SELECT ifnull(sum(octet_length(text) + 1), 0) FROM entry
              WHERE id BETWEEN number << 32 AND (number << 32) + entries - 1) AS measured,
             (SELECT count(*) FROM entry
              WHERE id BETWEEN number << 32 AND (number << 32) + entries - 1) AS present
         FROM log NOT INDEXED
         WHERE trace = 0 AND {IS_ROW_VALID} AND {IS_SIZE_KNOWN}
             AND measured <> bytes AND present = entries
             AND (SELECT encoding FROM pragma_encoding) = 'UTF-8'"
    );
    select_all(connection, &select, (), |row| {
        let [stored, measured]: [i64; 2] = [row.get(4)?, row.get(5)?];
        let cause = format!("its stored size is {stored} bytes, and its entries have {measured}");
        let remedy = "a repair measures it";
        let fault = Finding::new(Severity::Fault, place(row)?, cause).with_remedy(remedy);
        Ok((row.get(3)?, fault.repairable()))
    })
}

fn log_fault(row: &Row<'_>) -> rusqlite::Result<Finding> {
    let [entries, present, extra]: [i64; 3] = [row.get(3)?, row.get(4)?, row.get(5)?];
    let (cause, remedy) = if present < entries {
        let cause = format!("{} of {entries} entries are missing", entries - present);
        (cause, "restore them from a backup, or let a repair close the gaps")
    } else {
        let cause = format!("{extra} rows follow the last entry, and appends fail");
        (cause, "a repair moves them to the table quarantined_entry")
    };
    Ok(Finding::new(Severity::Fault, place(row)?, cause).with_remedy(remedy).repairable())
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

/// Reports traces of segments that do not exist.
fn check_traces(connection: &Connection) -> Findings {
    let select = format!(
        "SELECT session_id, segment_id, 'trace' FROM log AS found NOT INDEXED
         WHERE {IS_ROW_VALID} AND trace = 1 AND NOT EXISTS (
             SELECT 1 FROM log INDEXED BY sqlite_autoindex_log_1
             WHERE session_id = found.session_id AND segment_id = found.segment_id AND trace = 0)"
    );
    select_all(connection, &select, (), |row| {
        let cause = "the segment has a trace but no log";
        Ok(Finding::new(Severity::Note, place(row)?, cause).unlisted())
    })
}

/// Reports pods with an invalid name. No call returns such a pod.
fn check_pods(connection: &Connection) -> Findings {
    let names = select_all(connection, "SELECT name FROM pod", (), |row| {
        Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned())
    })?;
    let invalid = names.into_iter().filter(|name| name.parse::<PodName>().is_err());
    let fault = |name: String| {
        let cause =
            format!("{} is not the name of a pod, so the pod is ignored", name.escape_debug());
        Finding::new(Severity::Fault, "table pod", cause).with_remedy("give the row a valid name")
    };
    Ok(invalid.map(fault).collect())
}

/// Reports the rows that a repair has moved out of logs and traces.
fn check_quarantine(connection: &Connection) -> Findings {
    let found = quarantine::quarantined(connection)?;
    let note = |(log, rows): (StoredLog, i64)| {
        let cause = format!("{rows} bad rows are in the table quarantined_entry");
        let remedy = "a repair moved them there; delete them after you have looked at them";
        let name = place_name(log.kind, log.key);
        Finding::new(Severity::Note, name, cause).with_remedy(remedy)
    };
    Ok(found.into_iter().map(note).collect())
}

/// Reports logs of unknown size. The size is unknown after the upgrade from version 1, changes of
/// older programs, and cuts of many entries.
fn check_sizes(connection: &Connection) -> Findings {
    let is_known = if has_info_columns(connection)? { IS_SIZE_KNOWN } else { "FALSE" };
    let select = format!(
        "SELECT count(*) FROM log NOT INDEXED WHERE trace = 0 AND ({is_known}) IS NOT TRUE"
    );
    let logs: i64 = connection.query_row(&select, (), |row| row.get(0))?;
    let remedy = "a repair measures them; until then listings do not have their sizes";
    let note = note(connection, format!("logs of unknown size: {logs}")).with_remedy(remedy);
    Ok((logs > 0).then_some(note.repairable()).into_iter().collect())
}

/// Rebuilds the indexes. Reports if that is impossible because two rows have the same ids.
fn rebuild_indexes(connection: &Connection) -> Result<Finding> {
    match connection.execute_batch("REINDEX") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            let cause = "the indexes cannot be rebuilt, because two rows have the same ids";
            let place = connection.path().unwrap_or_default();
            let remedy = "copy the sessions that are readable to a new store";
            Ok(Finding::new(Severity::Fault, place, cause).with_remedy(remedy))
        }
        rebuilt => {
            rebuilt?;
            Ok(note(connection, "the indexes were rebuilt".to_owned()))
        }
    }
}

/// Returns the messages of SQLite's own check. A sound database has no messages.
pub(crate) fn integrity_errors(connection: &Connection) -> Result<Vec<String>> {
    let messages = select_all(connection, "PRAGMA integrity_check", (), |row| row.get(0))?;
    Ok(messages.into_iter().filter(|message: &String| message != "ok").collect())
}

/// Returns whether rebuilding the indexes can repair this error.
fn is_index_error(message: &str) -> bool {
    message.contains(" index ")
}

fn note(connection: &Connection, cause: String) -> Finding {
    Finding::new(Severity::Note, connection.path().unwrap_or_default(), cause)
}
