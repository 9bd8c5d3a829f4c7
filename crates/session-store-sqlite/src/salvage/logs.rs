//! Finds the logs of a damaged database in the table `log`. If rows of the table cannot be read,
//! finds these logs in the index of the table, which also has the ids.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use session_store_core::{SegmentId, SegmentKey, SessionId};

use super::scan;
use crate::error::Result;
use crate::log_row::LogKind;
use crate::rowid;

/// A log or a trace.
pub(super) struct FoundLog {
    pub(super) number: u32,
    pub(super) key: SegmentKey,
    pub(super) is_trace: bool,
    /// The stored number of entries. `None` if it cannot be read.
    pub(super) entries: Option<u32>,
}

/// The logs that were found, and descriptions of the lost logs.
pub(super) struct FoundLogs {
    pub(super) logs: Vec<FoundLog>,
    pub(super) losses: Vec<String>,
}

pub(super) fn find(connection: &Connection) -> Result<FoundLogs> {
    let mut logs = BTreeMap::new();
    let mut invalid = 0;
    let mut insert = |row: &Row<'_>, entries: Option<u32>| match log_of(row, entries) {
        Some(log) => drop(logs.entry(log.number).or_insert(log)),
        None => invalid += 1,
    };
    let select = "SELECT number, session_id, segment_id, trace, entries FROM log NOT INDEXED
                  WHERE number BETWEEN ?1 AND ?2 ORDER BY number";
    let numbers = 0..=i64::from(rowid::MAX_NUMBER);
    let is_table_read = scan::rows(connection, select, numbers, &mut |_, row| {
        insert(row, row.get(4).ok());
        Ok(())
    })?;
    let mut losses = Vec::new();
    if !is_table_read {
        // The index can be damaged too, so it is read from both ends.
        let mut is_index_read = false;
        for order in ["ASC", "DESC"] {
            let select = format!(
                "SELECT number, session_id, segment_id, trace FROM log
                 INDEXED BY sqlite_autoindex_log_1 ORDER BY session_id {order}"
            );
            is_index_read = scan::until_damage(connection, &select, &mut |row| {
                insert(row, None);
                Ok(())
            })?;
            if is_index_read {
                break;
            }
        }
        if !is_index_read {
            let loss = "segments whose rows in the table log and in its index cannot be read";
            losses.push(loss.to_owned());
        }
    }
    if invalid > 0 {
        losses.push(format!("{invalid} segments whose ids are not UUIDs"));
    }
    Ok(FoundLogs { logs: logs.into_values().collect(), losses })
}

fn log_of(row: &Row<'_>, entries: Option<u32>) -> Option<FoundLog> {
    let key = SegmentKey {
        session_id: SessionId::from_bytes(row.get(1).ok()?),
        segment_id: SegmentId::from_bytes(row.get(2).ok()?),
    };
    let trace: u8 = row.get(3).ok()?;
    let number = row.get(0).ok().filter(|&number| number <= rowid::MAX_NUMBER)?;
    (trace <= 1).then_some(FoundLog {
        number,
        key,
        is_trace: trace == LogKind::Trace as u8,
        entries,
    })
}
