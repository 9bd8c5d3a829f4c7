//! The tables, and the two numbers in the database's header that identify a store.

use std::path::Path;

use rusqlite::limits::Limit;
use rusqlite::{Connection, TransactionBehavior};
use session_store_core::StoreError;

use crate::error::{Result, no_store, not_a_store};
use crate::schema_check;

/// The mark of a session store in the header field `application_id`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SeSt");

/// The version of the format, in the header field `user_version`.
///
/// Version 2 added the columns of [`INFO_COLUMNS`]. Databases of version 1 are readable, and the
/// first write upgrades them.
const VERSION: i32 = 2;

/// The tables of a store.
///
/// A row of `log` is the log of a segment (`trace` = 0) or its trace (`trace` = 1). The entries of
/// a row have the rowids `number << 32 | position`. Numbers ascend, so the lowest number among the
/// logs of a segment id belongs to the session that has held that segment the longest.
///
/// The epoch is a random number that changes when entries are cut or replaced. `bytes` is the size
/// of a log. `modified` is the time of its last change, in milliseconds since 1970. `bytes` and
/// `modified` are valid only if `info_entries` equals `entries` and `info_epoch` equals `epoch`.
/// The condition is necessary because a handle of an older program, opened before the upgrade, does
/// not update these four columns. Each change of such a handle changes `entries` or `epoch`, so
/// that the old `bytes` and `modified` become invalid.
const TABLES: &str = "
    CREATE TABLE log (
        number INTEGER PRIMARY KEY,
        session_id BLOB NOT NULL,
        segment_id BLOB NOT NULL,
        trace INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        epoch BLOB NOT NULL,
        bytes INTEGER,
        modified INTEGER,
        info_entries INTEGER,
        info_epoch BLOB,
        UNIQUE (session_id, segment_id, trace)
    ) STRICT;
    CREATE INDEX holder ON log (segment_id) WHERE trace = 0;
    CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE pod (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// The columns that the upgrade from version 1 adds.
///
/// The columns are nullable, so that the upgrade does not have to read any entry.
const INFO_COLUMNS: [&str; 4] =
    ["bytes INTEGER", "modified INTEGER", "info_entries INTEGER", "info_epoch BLOB"];

/// The condition for a row of `log` whose columns `bytes` and `modified` are valid.
pub(crate) const HAS_INFO: &str = "info_entries = entries AND info_epoch = epoch";

/// The condition for a log whose stored size is valid.
pub(crate) const IS_SIZE_KNOWN: &str =
    "info_entries = entries AND info_epoch = epoch AND bytes >= 0";

/// The condition for a row of `log` that a store can have written.
pub(crate) const IS_ROW_VALID: &str = "length(session_id) = 16 AND length(segment_id) = 16
    AND trace IN (0, 1) AND entries BETWEEN 0 AND 4294967295 AND length(epoch) = 16
    AND number BETWEEN 0 AND 2147483647";

/// The fields of a database that identify its program and the version of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    application_id: i32,
    user_version: i32,
    tables: u32,
}

impl Identity {
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        // One statement reads one snapshot, so all fields are of the same moment.
        let select = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
                      FROM pragma_application_id, pragma_user_version";
        connection.query_row(select, (), |row| {
            Ok(Self { application_id: row.get(0)?, user_version: row.get(1)?, tables: row.get(2)? })
        })
    }

    /// Returns whether the database is empty and belongs to no program yet.
    pub(crate) fn is_empty(self) -> bool {
        self == Self { application_id: 0, user_version: 0, tables: 0 }
    }

    /// Returns whether the table `log` has the columns of [`INFO_COLUMNS`].
    pub(crate) fn has_info_columns(self) -> bool {
        self.user_version >= VERSION
    }

    /// Fails unless the database is a store of this version or an older one.
    pub(crate) fn check(self, path: &Path) -> Result<(), StoreError> {
        match (self.application_id, self.user_version) {
            (APPLICATION_ID, 1..=VERSION) => Ok(()),
            (APPLICATION_ID, newer) if newer > VERSION => Err(StoreError::NewerFormat {
                place: path.display().to_string(),
                found: newer.unsigned_abs().into(),
                supported: VERSION.unsigned_abs().into(),
            }),
            _ if self.is_empty() => Err(no_store(path, "the database is empty")),
            (id, _) => {
                let found = format!("a database of another program (application id {id:#010x})");
                Err(not_a_store(path, found))
            }
        }
    }
}

/// Fails unless the database is a store. With `create`, an empty database first becomes a store.
///
/// `file::check` has looked at the file before, without its WAL and without locks. This check reads
/// the WAL too and never sees a half-finished change.
pub(crate) fn check_or_create(
    connection: &mut Connection,
    path: &Path,
    create: bool,
) -> Result<()> {
    if create && Identity::of(connection)?.is_empty() {
        create_tables(connection)?;
    }
    check(connection, path)
}

/// Fails unless the database is a store.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    // An upgrade by another connection changes the version and the columns in one transaction.
    let snapshot = connection.unchecked_transaction()?;
    let identity = Identity::of(&snapshot)?;
    identity.check(path)?;
    match schema_check::difference(&snapshot, identity.has_info_columns())? {
        Some(difference) => Err(not_a_store(path, difference).into()),
        None => Ok(()),
    }
}

/// Returns whether the table `log` has the columns of [`INFO_COLUMNS`].
///
/// Each transaction calls this function again, because another handle can upgrade the database at
/// any time.
pub(crate) fn has_info_columns(connection: &Connection) -> rusqlite::Result<bool> {
    let mut select = connection.prepare_cached("PRAGMA user_version")?;
    select.query_row((), |row| Ok(row.get::<_, i32>(0)? >= VERSION))
}

/// Upgrades a database of version 1. Must run in a write transaction, so that other programs see
/// the whole upgrade or none of it.
pub(crate) fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    if has_info_columns(connection)? {
        return Ok(());
    }
    for column in INFO_COLUMNS {
        connection.execute_batch(&format!("ALTER TABLE log ADD COLUMN {column}"))?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}

/// Rewrites `application_id` with its own value: a no-op write that still dirties a page.
///
/// A transaction without a dirty page writes nothing to the WAL. The value is the same in every
/// version of the format.
pub(crate) fn dirty_a_page(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Fails if a row with this text exceeds SQLite's limit for the size of a row.
pub(crate) fn check_size(connection: &Connection, text: &str) -> Result<()> {
    // A row also has a header of at most 11 bytes. A pod also has a name of at most 255 bytes.
    const ROW_OVERHEAD: u64 = 512;
    let row_limit = connection.limit(Limit::SQLITE_LIMIT_LENGTH)?;
    let limit = u64::from(row_limit.unsigned_abs()).saturating_sub(ROW_OVERHEAD);
    let size = text.len() as u64;
    if size > limit { Err(StoreError::TooLarge { size, limit }.into()) } else { Ok(()) }
}

/// Returns whether a file that starts with these bytes has the mark of a store.
#[cfg(unix)]
pub(crate) fn is_header_of_store(header: &[u8]) -> bool {
    header.starts_with(b"SQLite format 3\0")
        && header.get(68..72) == Some(&APPLICATION_ID.to_be_bytes())
}

/// Creates the tables.
fn create_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another connection may have created tables before this connection got the lock.
    if Identity::of(&transaction)?.is_empty() {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ours(APPLICATION_ID, VERSION, 5, "")]
    #[case::older(APPLICATION_ID, 1, 5, "")]
    #[case::newer(
        APPLICATION_ID,
        VERSION + 1,
        5,
        "cannot open /db: it has format version 3, and this program reads versions up to 2; \
         use a newer release of session-store"
    )]
    #[case::unversioned(
        APPLICATION_ID,
        0,
        5,
        "cannot open /db: it is not a session store: \
         a database of another program (application id 0x53655374)"
    )]
    #[case::foreign(
        0,
        0,
        1,
        "cannot open /db: it is not a session store: \
         a database of another program (application id 0x00000000)"
    )]
    #[case::foreign_and_marked(
        0x4750_4b47,
        1,
        0,
        "cannot open /db: it is not a session store: \
         a database of another program (application id 0x47504b47)"
    )]
    #[case::empty(0, 0, 0, "there is no session store at /db: the database is empty")]
    fn only_a_store_of_a_known_version_is_accepted(
        #[case] application_id: i32,
        #[case] user_version: i32,
        #[case] tables: u32,
        #[case] refusal: &str,
    ) {
        let identity = Identity { application_id, user_version, tables };
        let refused = identity.check(Path::new("/db")).err().map(|error| error.to_string());
        assert_eq!(refused.unwrap_or_default(), refusal);
    }
}
