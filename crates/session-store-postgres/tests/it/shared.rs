//! A server that the tests of this process share, and the functions that most tests need.

use std::sync::LazyLock;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId};
use session_store_postgres::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;
use uuid::Uuid;

/// The server of these tests. Each test uses a schema of its own.
pub(crate) static SERVER: LazyLock<PostgresServer> =
    LazyLock::new(|| PostgresServer::start_fast(&[]));

/// Returns a name for a schema that no other test uses.
pub(crate) fn unique_schema() -> String {
    format!("test_{}", Uuid::new_v4().simple())
}

/// Creates a store in a schema, and opens the store.
pub(crate) fn open(schema: &str) -> PostgresStore {
    PostgresOptions::new().create(true).schema(schema).open(&SERVER.url()).unwrap()
}

/// Executes statements. The placeholder `{s}` in them is replaced by the schema.
pub(crate) fn execute(schema: &str, statements: &str) {
    let statements = statements.replace("{s}", schema);
    SERVER.connection().batch_execute(&statements).unwrap();
}

pub(crate) fn new_key() -> SegmentKey {
    SegmentKey::new(SessionId::new(), SegmentId::new())
}

pub(crate) fn entry(n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"n":{n}}}"#)).unwrap()
}

pub(crate) fn entries(count: usize) -> Vec<LogEntry> {
    (0..count).map(entry).collect()
}
