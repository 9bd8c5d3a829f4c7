//! The repair of the stored sizes of logs, if a size is unknown or wrong.
//!
//! A read measures the size of a log. A later write stores the size and measures only the entries
//! that were appended meanwhile. The measurement is not inside the write, because reading all
//! entries would block other writers for a long time.

use rusqlite::Connection;
use session_store_core::StoreError;

use crate::database::Database;
use crate::error::Result;
use crate::listing::select_all;
use crate::schema::{HAS_INFO, IS_SIZE_KNOWN, has_info_columns};

/// The number of logs whose sizes one write stores.
const LOGS_PER_WRITE: usize = 256;

/// The measured size of the first `entries` entries of a log. The size is valid as long as the log
/// has the same epoch. The epoch is a random number that changes when entries are cut or replaced.
struct Measured {
    number: i64,
    entries: i64,
    epoch: [u8; 16],
    bytes: i64,
}

/// Measures the logs of unknown size and the logs with the given numbers. Returns the number of
/// stored sizes. If the size of a log was unknown, the time of its last change remains unknown.
pub(crate) fn measure(database: &Database, wrong: Vec<i64>) -> Result<usize, StoreError> {
    let mut numbers = database.read("find the logs of unknown size", unknown)?;
    numbers.extend(wrong);
    let mut stored = 0;
    for numbers in numbers.chunks(LOGS_PER_WRITE) {
        let mut sizes = Vec::with_capacity(numbers.len());
        for &number in numbers {
            sizes.extend(database.read("measure a log", |connection| size_of(connection, number))?);
        }
        stored += database.write("store the sizes of logs", |connection| {
            sizes.iter().try_fold(0, |stored, size| Ok(stored + size.store(connection)?))
        })?;
    }
    Ok(stored)
}

/// Returns the numbers of the logs of unknown size.
///
/// A database of version 1 has no columns for the size, so the size of every log is unknown. The
/// write that stores the sizes adds the columns.
fn unknown(connection: &Connection) -> Result<Vec<i64>> {
    let is_known = if has_info_columns(connection)? { IS_SIZE_KNOWN } else { "FALSE" };
    let select = format!(
        "SELECT number FROM log NOT INDEXED WHERE trace = 0 AND ({is_known}) IS NOT TRUE
             AND (SELECT encoding FROM pragma_encoding) = 'UTF-8'"
    );
    select_all(connection, &select, (), |row| row.get(0))
}

/// Measures a log. Returns `None` if the log was deleted meanwhile.
fn size_of(connection: &Connection, number: i64) -> Result<Option<Measured>> {
    // `octet_length` counts bytes in the encoding of the database, see `log_row::size_from`.
    let select = "SELECT entries, epoch,
             (SELECT ifnull(sum(octet_length(text) + 1), 0) FROM entry
              WHERE id BETWEEN number << 32 AND (number << 32) + entries - 1)
         FROM log NOT INDEXED WHERE number = ?1";
    let mut found = select_all(connection, select, [number], |row| {
        let (entries, epoch, bytes) = row.try_into()?;
        Ok(Measured { number, entries, epoch, bytes })
    })?;
    Ok(found.pop())
}

impl Measured {
    /// Stores the measured size plus the size of the entries that were appended since. Returns the
    /// number of changed rows, which is 0 if entries were cut or replaced since.
    fn store(&self, connection: &Connection) -> Result<usize> {
        let update = format!(
            "UPDATE log SET info_entries = entries, info_epoch = epoch,
                 modified = iif({HAS_INFO}, modified, NULL),
                 bytes = ?4 + (SELECT ifnull(sum(octet_length(text) + 1), 0) FROM entry
                     WHERE id BETWEEN (number << 32) + ?2 AND (number << 32) + entries - 1)
             WHERE number = ?1 AND entries >= ?2 AND epoch = ?3"
        );
        let mut update = connection.prepare_cached(&update)?;
        Ok(update.execute((self.number, self.entries, self.epoch, self.bytes))?)
    }
}

#[cfg(test)]
mod tests {
    use session_store_core::{LogEntry, SegmentId, SessionId, Store};

    use super::*;
    use crate::SqliteStore;

    /// A log of unknown size with three entries, and its measured size.
    fn measured() -> (tempfile::TempDir, SqliteStore, (SessionId, SegmentId), Measured) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(folder.path().join("sessions.db")).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.append_all(session, segment, &vec![entry(); 3]).unwrap();
        let forget =
            |connection: &Connection| Ok(connection.execute("UPDATE log SET bytes = NULL", ())?);
        store.database.write("forget the size", forget).unwrap();
        let measure = |connection: &Connection| size_of(connection, 1);
        let measured = store.database.read("measure", measure).unwrap().unwrap();
        (folder, store, (session, segment), measured)
    }

    fn entry() -> LogEntry {
        LogEntry::from_json("{}").unwrap()
    }

    #[test]
    fn an_append_after_the_measuring_is_counted() {
        let (_folder, store, (session, segment), measured) = measured();
        store.append_all(session, segment, &vec![entry(); 2]).unwrap();
        let stored = store.database.write("store", |connection| measured.store(connection));
        assert_eq!(stored.unwrap(), 1);
        assert_eq!(store.segment_info(session, segment).unwrap().unwrap().bytes, Some(5 * 3));
    }

    #[test]
    fn the_size_of_a_log_that_was_cut_meanwhile_is_not_stored() {
        let (_folder, store, (session, segment), measured) = measured();
        store.truncate(session, segment, 1).unwrap();
        store.append_all(session, segment, &vec![entry(); 2]).unwrap();
        let stored = store.database.write("store", |connection| measured.store(connection));
        assert_eq!(stored.unwrap(), 0);
        assert_eq!(store.segment_info(session, segment).unwrap().unwrap().bytes, None);
    }
}
