//! The tables, and the two numbers in a database's header that say whose they are.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use session_store_core::StoreError;

use crate::error::{Failure, not_a_store};

/// Marks a database as a session store, in SQLite's header field for that purpose.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SeSt");

/// The version of the tables below, in the header's `user_version`.
const VERSION: i32 = 1;

/// One row of `log` is a segment's log (`trace` = 0) or its trace (`trace` = 1), whose entries have the
/// rowids `number << 32 | position`. Numbers ascend, so they also tell which session came to hold a
/// segment id first.
const TABLES: &str = "
    CREATE TABLE log (
        number INTEGER PRIMARY KEY,
        session_id BLOB NOT NULL,
        segment_id BLOB NOT NULL,
        trace INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        epoch BLOB NOT NULL,
        UNIQUE (session_id, segment_id, trace)
    ) STRICT;
    CREATE INDEX holder ON log (segment_id) WHERE trace = 0;
    CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE pod (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// What a database says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    application_id: i32,
    user_version: i32,
    tables: u32,
}

impl Identity {
    /// One statement, so that it never sees one number from before another's change and one from after.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let select = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
                      FROM pragma_application_id, pragma_user_version";
        connection.query_row(select, (), |row| {
            Ok(Self { application_id: row.get(0)?, user_version: row.get(1)?, tables: row.get(2)? })
        })
    }

    /// Whether the database is nobody's yet.
    pub(crate) fn is_empty(self) -> bool {
        self == Self { application_id: 0, user_version: 0, tables: 0 }
    }

    /// Fails unless the database is a store of this version.
    pub(crate) fn check(self, path: &Path) -> Result<(), StoreError> {
        match (self.application_id, self.user_version) {
            (APPLICATION_ID, VERSION) => Ok(()),
            (APPLICATION_ID, newer) if newer > VERSION => Err(StoreError::NewerFormat {
                place: path.display().to_string(),
                found: newer.unsigned_abs().into(),
                supported: VERSION.unsigned_abs().into(),
            }),
            _ if self.is_empty() => Err(not_a_store(path, "an empty file")),
            (id, _) => {
                let found = format!("a database of another program (application id {id:#010x})");
                Err(not_a_store(path, found))
            }
        }
    }
}

/// Fails unless the database is a store of this version; with `make`, an empty one becomes one first. This
/// sees what `file::check` could not: what stands in the write-ahead log, and, with locks, no half of a
/// change.
pub(crate) fn admit(connection: &mut Connection, path: &Path, make: bool) -> Result<(), Failure> {
    // Should it be another program's, its write-ahead log is not for us to write back and remove.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let mut identity = Identity::of(connection)?;
    if make && identity.is_empty() {
        identity = create(connection)?;
    }
    identity.check(path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

/// Writes a number in the header once more, as it stands in each version of the format: a change for who
/// needs one that changes nothing.
pub(crate) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Makes the tables, unless somebody has made some since the caller looked, and says whose they are.
fn create(connection: &mut Connection) -> rusqlite::Result<Identity> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if Identity::of(&transaction)?.is_empty() {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    let identity = Identity::of(&transaction)?;
    transaction.commit()?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ours(APPLICATION_ID, VERSION, 5, "")]
    #[case::newer(
        APPLICATION_ID,
        VERSION + 1,
        5,
        "/db has format version 2; this program knows versions up to 1"
    )]
    #[case::unversioned(
        APPLICATION_ID,
        0,
        5,
        "/db is no session store: a database of another program (application id 0x53655374)"
    )]
    #[case::foreign(
        0,
        0,
        1,
        "/db is no session store: a database of another program (application id 0x00000000)"
    )]
    #[case::foreign_and_marked(
        0x4750_4b47,
        1,
        0,
        "/db is no session store: a database of another program (application id 0x47504b47)"
    )]
    #[case::empty(0, 0, 0, "/db is no session store: an empty file")]
    fn only_ours_of_this_version_passes(
        #[case] application_id: i32,
        #[case] user_version: i32,
        #[case] tables: u32,
        #[case] refusal: &str,
    ) {
        let identity = Identity { application_id, user_version, tables };
        let told = identity.check(Path::new("/db")).err().map(|error| error.to_string());
        assert_eq!(told.unwrap_or_default(), refusal);
    }
}
