//! The schema of a store: its tables, its version, and its creation.

use session_store_core::StoreError;

use crate::connection::Connection;
use crate::error::RequestError;
use crate::statement::{int, text};

/// The format version that this crate reads and writes.
const FORMAT: i32 = 1;

/// The version of the oldest server that this crate accepts, as a number in the form of the setting
/// `server_version_num`.
const OLDEST_SERVER: i32 = 130_000;

/// The key of the lock that the creation of a schema takes. The value of the key has no meaning.
const CREATION_LOCK: i64 = 0x7365_7373_696f_6e73;

const CREATE_SCHEMA: &str = "CREATE SCHEMA {s}";

/// The tables of a store. Texts are compared by their bytes.
///
/// Each change updates a row of `log` and a row of `writer`, and does not change an indexed column.
/// The fill factor keeps a part of each page free. So the server can put the new version of a row
/// on the same page, and need not update the indexes.
const CREATE_TABLES: &str = r#"
CREATE TABLE {s}.session_store (version integer NOT NULL);
CREATE TABLE {s}.log (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    trace boolean NOT NULL,
    entries bigint NOT NULL,
    bytes bigint NOT NULL,
    stamp uuid NOT NULL,
    modified timestamptz NOT NULL,
    UNIQUE (session_id, segment_id, trace)
) WITH (fillfactor = 50);
CREATE INDEX log_segment_id ON {s}.log (segment_id);
CREATE TABLE {s}.entry (
    log bigint NOT NULL,
    position bigint NOT NULL,
    text text COLLATE "C" NOT NULL,
    PRIMARY KEY (log, position)
);
CREATE TABLE {s}.writer (
    token uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    result bigint NOT NULL,
    changed timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE {s}.pod (
    name text COLLATE "C" PRIMARY KEY,
    text text COLLATE "C" NOT NULL
);
CREATE TABLE {s}.quarantined_entry (
    session_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    trace boolean NOT NULL,
    position bigint NOT NULL,
    text text COLLATE "C" NOT NULL
);
INSERT INTO {s}.session_store (version) VALUES (1);
"#;

const SERVER: &str = "SELECT current_setting('server_version_num')::integer,
    current_setting('server_encoding'), current_setting('fsync') = 'off',
    current_setting('full_page_writes') = 'off', current_setting('synchronous_commit') = 'off'";

/// Selects whether the schema exists, whether it has any relation, and whether it has the column
/// with the version.
const SCHEMA: &str = "SELECT schema.oid IS NOT NULL,
        EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relnamespace = schema.oid),
        EXISTS (SELECT 1 FROM pg_catalog.pg_class AS class
            JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = class.oid
            WHERE class.relnamespace = schema.oid AND class.relname = 'session_store'
                AND class.relkind = 'r' AND attribute.attname = 'version'
                AND attribute.atttypid = 'integer'::regtype)
    FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace AS schema ON schema.nspname = $1";

/// Selects the triggers and rules on the tables.
const FOREIGN_CODE: &str = "SELECT format('the %s %s of the table %s', kind, name, class.relname)
    FROM (SELECT 'trigger' AS kind, tgname AS name, tgrelid AS relation
            FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'rule', rulename, ev_class
            FROM pg_catalog.pg_rewrite WHERE rulename <> '_RETURN') AS code
    JOIN pg_catalog.pg_class AS class ON class.oid = code.relation
    WHERE class.relnamespace = (SELECT relnamespace FROM pg_catalog.pg_class
        WHERE oid = (SELECT tableoid FROM {s}.session_store LIMIT 1))
    ORDER BY 1";

const VERSION: &str = "SELECT version FROM {s}.session_store";

/// The name of a schema, and the URL of the storage for errors.
pub(crate) struct Schema<'a> {
    pub(crate) name: &'a str,
    pub(crate) place: &'a str,
}

/// The content of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Missing,
    Empty,
    Store,
    Foreign,
}

impl Schema<'_> {
    /// Checks the store in the schema. Creates it if `creates` is true and the schema is missing or
    /// empty.
    pub(crate) fn open(
        &self,
        connection: &mut Connection,
        creates: bool,
    ) -> Result<(), RequestError> {
        let found = match self.content(connection)? {
            Content::Missing | Content::Empty if creates => {
                return self.create(connection);
            }
            Content::Store => return self.check_version(connection),
            Content::Foreign => {
                let found = format!("the schema {} has relations of another program", self.name);
                return Err(StoreError::NotAStore { place: self.place.to_owned(), found }.into());
            }
            Content::Missing => format!("the schema {} does not exist", self.name),
            Content::Empty => format!("the schema {} is empty", self.name),
        };
        Err(StoreError::NoStore { place: self.place.to_owned(), found }.into())
    }

    fn content(&self, connection: &mut Connection) -> Result<Content, RequestError> {
        let rows = connection.query(SCHEMA, &[text(&self.name)])?;
        let row =
            rows.first().ok_or_else(|| RequestError::unusable("no reply about the schema"))?;
        Ok(match (row.get(0), row.get(1), row.get(2)) {
            (_, _, true) => Content::Store,
            (_, true, false) => Content::Foreign,
            (true, false, false) => Content::Empty,
            (false, false, false) => Content::Missing,
        })
    }

    /// Creates the tables, and before them the schema if it is missing. Handles that create the
    /// store at the same moment wait for each other.
    fn create(&self, connection: &mut Connection) -> Result<(), RequestError> {
        connection.transaction(|connection| {
            connection.query("SELECT pg_advisory_xact_lock($1)", &[int(&CREATION_LOCK)])?;
            match self.content(connection)? {
                Content::Missing => drop(connection.execute(CREATE_SCHEMA)?),
                Content::Empty => {}
                Content::Store | Content::Foreign => return self.open(connection, false),
            }
            connection.execute(CREATE_TABLES).map(drop)
        })
    }

    fn check_version(&self, connection: &mut Connection) -> Result<(), RequestError> {
        let rows = connection.query(VERSION, &[])?;
        let place = self.place.to_owned();
        match rows.first().map(|row| row.get(0)) {
            Some(FORMAT) => Ok(()),
            Some(found) if found > FORMAT => {
                let (found, supported) = (u64::from(found.unsigned_abs()), FORMAT as u64);
                Err(StoreError::NewerFormat { place, found, supported }.into())
            }
            _ => {
                let found = String::from("a format version that is not a positive number");
                Err(StoreError::NotAStore { place, found }.into())
            }
        }
    }
}

/// Checks the version and the encoding of the server. Returns warnings about settings that can lose
/// changes.
pub(crate) fn check_server(connection: &mut Connection) -> Result<Vec<String>, RequestError> {
    let rows = connection.query(SERVER, &[])?;
    let row = rows.first().ok_or_else(|| RequestError::unusable("no reply about the server"))?;
    check_version_and_encoding(row.get(0), row.get(1)).map_err(RequestError::unusable)?;
    let settings: [(bool, &str); 3] = [
        (row.get(2), "fsync is off: a power cut can destroy the database"),
        (row.get(3), "full_page_writes is off: a power cut can destroy the database"),
        (
            row.get(4),
            "synchronous_commit is off: a crash of the server can lose the latest changes, unless \
             the URL has durability=power",
        ),
    ];
    let warnings = settings.into_iter().filter(|(is_unsafe, _)| *is_unsafe);
    Ok(warnings.map(|(_, warning)| warning.to_owned()).collect())
}

/// Returns the triggers and rules on the tables. The store does not create any, so they come from
/// another program.
pub(crate) fn foreign_code(connection: &mut Connection) -> Result<Vec<String>, RequestError> {
    let rows = connection.query(FOREIGN_CODE, &[])?;
    Ok(rows
        .iter()
        .map(|row| format!("{} can change what a store writes", row.get::<_, &str>(0)))
        .collect())
}

fn check_version_and_encoding(version: i32, encoding: &str) -> Result<(), String> {
    if version < OLDEST_SERVER {
        return Err(format!(
            "the server is PostgreSQL {}, and a store needs 13 or newer",
            version / 10_000
        ));
    }
    if encoding != "UTF8" {
        return Err(format!(
            "the database has the encoding {encoding}, and a store needs UTF8: create a database \
             with ENCODING 'UTF8' TEMPLATE template0"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(130_000, "UTF8", "")]
    #[case(180_001, "UTF8", "")]
    #[case(120_022, "UTF8", "PostgreSQL 12")]
    #[case(150_018, "LATIN1", "LATIN1")]
    #[case(150_018, "SQL_ASCII", "UTF8")]
    fn an_unsuitable_server_is_refused(
        #[case] version: i32,
        #[case] encoding: &str,
        #[case] reason: &str,
    ) {
        let refused = check_version_and_encoding(version, encoding).err().unwrap_or_default();
        assert_eq!(refused.is_empty(), reason.is_empty());
        assert!(refused.contains(reason), "{refused}");
    }
}
