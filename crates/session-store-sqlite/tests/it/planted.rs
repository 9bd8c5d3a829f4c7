//! Tests of databases with a schema that another program has changed. Triggers, views and
//! conditions of the schema have no effect on a store. Opening fails if the tables differ from the
//! tables of a store.

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::{Pod, PodStore, Store, StoreError};
use session_store_sqlite::SqliteStore;

use crate::{entries, entry, fresh, ids};

const REPLACE: &str = "PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2);
    PRAGMA writable_schema = RESET;";

/// Replaces a part of the statements that have created the tables.
fn replaced(from: &str, to: &str) -> String {
    REPLACE.replace("?1", &format!("'{from}'")).replace("?2", &format!("'{to}'"))
}

#[rstest]
#[case::deletes(
    "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry WHERE id = new.id; END"
)]
#[case::fails("CREATE TRIGGER t BEFORE INSERT ON entry BEGIN SELECT raise(ABORT, 'no'); END")]
#[case::ignores("CREATE TRIGGER t BEFORE UPDATE ON log BEGIN SELECT raise(IGNORE); END")]
#[case::names_an_absent_table("CREATE TRIGGER t AFTER DELETE ON pod BEGIN DELETE FROM absent; END")]
#[case::view("CREATE VIEW v AS SELECT * FROM absent")]
#[case::index("CREATE INDEX i ON entry (length(text))")]
#[case::table("CREATE TABLE notes (x)")]
fn a_planted_part_of_the_schema_has_no_effect(
    #[case] planted: &str,
    #[values(false, true)] is_open: bool,
) {
    let (_folder, path, mut store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    Connection::open(&path).unwrap().execute_batch(planted).unwrap();
    if !is_open {
        drop(store);
        store = SqliteStore::open(&path).unwrap();
    }
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
    let name = "agent".parse().unwrap();
    store.put_pod(&name, &Pod::new(session, None)).unwrap();
    assert!(store.delete_pod(&name).unwrap());
    store.truncate(session, segment, 1).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..1));
    assert!(store.delete_session(session).unwrap());
}

#[test]
fn a_planted_check_constraint_has_no_effect() {
    let (_folder, path, store) = fresh();
    drop(store);
    let planted = replaced("text TEXT NOT NULL)", "text TEXT NOT NULL CHECK (text = 1))");
    Connection::open(&path).unwrap().execute_batch(&planted).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

#[rstest]
#[case::view(
    "ALTER TABLE entry RENAME TO hidden;
     CREATE VIEW entry AS SELECT id, '{}' AS text FROM hidden",
    "entry lacks this: table"
)]
#[case::endless_view(
    "DROP TABLE entry;
     CREATE VIEW entry (id, text) AS
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT i, '{}' FROM n",
    "entry lacks this: table"
)]
#[case::no_table("DROP TABLE pod", "pod lacks this: table without rowid")]
#[case::renamed("ALTER TABLE entry RENAME COLUMN text TO body", "entry lacks this: column text")]
#[case::generated(
    "ALTER TABLE entry ADD COLUMN twice TEXT AS (text || text)",
    "entry has this besides: column twice generated"
)]
#[case::unique_index(
    "CREATE UNIQUE INDEX u ON entry (text)",
    "entry has this besides: unique index (text)"
)]
#[case::partial_unique_index(
    "CREATE UNIQUE INDEX u ON log (epoch DESC) WHERE entries > 5",
    "log has this besides: unique index (epoch descending) partial"
)]
#[case::no_index("DROP INDEX holder", "log lacks this: index (segment_id) partial")]
#[case::other_index(
    "DROP INDEX holder; CREATE INDEX holder ON log (epoch) WHERE trace = 0",
    "log lacks this: index (segment_id) partial"
)]
#[case::names_without_case(
    "DROP TABLE pod; CREATE TABLE pod (name TEXT PRIMARY KEY COLLATE NOCASE, text TEXT NOT NULL)
         STRICT, WITHOUT ROWID",
    "pod lacks this: unique index (name)"
)]
#[case::ids_that_are_texts(
    "DROP TABLE entry; CREATE TABLE entry (id TEXT PRIMARY KEY, text TEXT NOT NULL)",
    "entry has this besides: unique index (id)"
)]
#[case::foreign_key(
    "DROP TABLE pod; CREATE TABLE pod (name TEXT PRIMARY KEY,
         text TEXT NOT NULL REFERENCES log ON DELETE CASCADE) STRICT, WITHOUT ROWID",
    "pod has this besides: foreign key"
)]
fn other_tables_are_refused(#[case] planted: &str, #[case] found: &str) {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    drop(store);
    Connection::open(&path).unwrap().execute_batch(planted).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    assert!(error.to_string().ends_with(found), "{error}");
}
