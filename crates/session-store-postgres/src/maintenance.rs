//! The `Maintenance` trait: compares the tables with each other, and repairs damaged logs.

use session_store_core::{Finding, Maintenance, PodName, SegmentKey, Severity, StoreError};
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::RequestError;
use crate::repair;
use crate::schema;
use crate::segment::LogName;
use crate::store::PostgresStore;

type Findings = Result<Vec<Finding>, RequestError>;

const CHECKS: [fn(&mut Connection) -> Findings; 6] =
    [check_foreign_code, check_logs, check_stray_rows, check_traces, check_pods, check_quarantine];

const REMEDY: &str = "a repair moves bad rows to the table quarantined_entry, and closes the gaps";

/// Selects the logs and traces whose row in `log` does not match the stored entries.
pub(crate) const DAMAGED: &str = "SELECT session_id, segment_id, trace, entries, bytes,
        found.inside, found.outside, found.size
    FROM {s}.log CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE position >= 0 AND position < entries) AS inside,
            count(*) FILTER (WHERE position < 0 OR position >= entries) AS outside,
            coalesce(sum(octet_length(text) + 1), 0)::bigint AS size
        FROM {s}.entry WHERE log = number
    ) AS found
    WHERE found.inside <> entries OR found.outside > 0 OR found.size <> bytes";

const STRAY: &str = "SELECT count(*) FROM {s}.entry
    WHERE NOT EXISTS (SELECT 1 FROM {s}.log WHERE number = entry.log)";

const TRACES: &str = "SELECT session_id, segment_id, trace FROM {s}.log AS found
    WHERE trace AND NOT EXISTS (
        SELECT 1 FROM {s}.log WHERE session_id = found.session_id
            AND segment_id = found.segment_id AND NOT trace)";

const PODS: &str = "SELECT name FROM {s}.pod";

const QUARANTINED: &str = "SELECT session_id, segment_id, trace, count(*)
    FROM {s}.quarantined_entry GROUP BY session_id, segment_id, trace";

impl Maintenance for PostgresStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        for check in CHECKS {
            // The findings are reported after the query, so that `report` can use the store.
            let findings =
                self.client.read("check the tables", |connection| connection.unlimited(check));
            findings?.into_iter().for_each(&mut *report);
        }
        Ok(())
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.repair_segments(&|_| true, report)
    }

    fn repair_segments(
        &self,
        is_selected: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        let logs = self.client.read("list the logs", repair::logs)?;
        for log in logs.into_iter().filter(|log| is_selected(log.key())) {
            let damaged = self.client.read(format_args!("read the {log}"), |connection| {
                connection.unlimited(|connection| repair::is_damaged(connection, log))
            })?;
            if !damaged {
                continue;
            }
            let mut repaired = None;
            self.client.change(format_args!("repair the {log}"), |connection, id| {
                connection.unlimited(|connection| {
                    id.transaction(connection, |connection| {
                        repaired = repair::repair(connection, id, log)?;
                        Ok(1)
                    })
                })
            })?;
            repaired.into_iter().flat_map(|repaired| repaired.findings(log)).for_each(&mut *report);
        }
        Ok(())
    }
}

/// Reports triggers and rules on the tables.
fn check_foreign_code(connection: &mut Connection) -> Findings {
    let fault = |cause| {
        let remedy = "remove it, and check the entries that were stored since its creation";
        Finding::new(Severity::Fault, "the tables", cause).with_remedy(remedy)
    };
    Ok(schema::foreign_code(connection)?.into_iter().map(fault).collect())
}

fn check_logs(connection: &mut Connection) -> Findings {
    let rows = connection.query(DAMAGED, &[])?;
    Ok(rows.iter().map(log_fault).collect())
}

fn log_fault(row: &Row) -> Finding {
    let [entries, bytes, inside, outside, size]: [i64; 5] = [3, 4, 5, 6, 7].map(|at| row.get(at));
    let cause = if inside < entries {
        format!("{} of {entries} entries are missing", entries - inside)
    } else if outside > 0 {
        format!("{outside} rows follow the last entry, and appends fail")
    } else {
        format!("its stored size is {bytes} bytes, and its entries have {size}")
    };
    let fault = Finding::new(Severity::Fault, LogName::of(row).to_string(), cause);
    fault.with_remedy(REMEDY).repairable()
}

/// Reports entries that do not belong to a log or a trace.
fn check_stray_rows(connection: &mut Connection) -> Findings {
    let rows = connection.query(STRAY, &[])?;
    let stray: i64 = rows.first().map_or(0, |row| row.get(0));
    let fault = Finding::new(
        Severity::Fault,
        "table entry",
        format!("{stray} rows do not belong to a log"),
    );
    let fault = fault.with_remedy("restore the sessions from a backup");
    Ok((stray > 0).then_some(fault).into_iter().collect())
}

/// Reports traces of segments that do not exist.
fn check_traces(connection: &mut Connection) -> Findings {
    let rows = connection.query(TRACES, &[])?;
    let note = |row: &Row| {
        let cause = "the segment has a trace but no log";
        Finding::new(Severity::Note, LogName::of(row).to_string(), cause).unlisted()
    };
    Ok(rows.iter().map(note).collect())
}

/// Reports the pods whose name is not a valid pod name. No call returns these pods.
fn check_pods(connection: &mut Connection) -> Findings {
    let rows = connection.query(PODS, &[])?;
    let names = rows.iter().map(|row| row.get::<_, String>(0));
    let fault = |name: String| {
        let cause =
            format!("{} is not the name of a pod, so the pod is ignored", name.escape_debug());
        Finding::new(Severity::Fault, "table pod", cause).with_remedy("give the row a valid name")
    };
    Ok(names.filter(|name| name.parse::<PodName>().is_err()).map(fault).collect())
}

/// Reports the rows that a repair has moved out of logs and traces.
fn check_quarantine(connection: &mut Connection) -> Findings {
    let rows = connection.query(QUARANTINED, &[])?;
    let note = |row: &Row| {
        let moved: i64 = row.get(3);
        let cause = format!("{moved} bad rows are in the table quarantined_entry");
        let remedy = "a repair moved them there; delete them after you have looked at them";
        Finding::new(Severity::Note, LogName::of(row).to_string(), cause).with_remedy(remedy)
    };
    Ok(rows.iter().map(note).collect())
}
