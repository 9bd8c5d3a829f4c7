//! Tests that every handle can be cloned, and that a clone is the same handle.

use session_store::fs::FsStore;
use session_store::memory::MemoryStore;
use session_store::postgres::PostgresStore;
use session_store::redis::RedisStore;
use session_store::sqlite::SqliteStore;
use session_store::{LogEntry, OpenStore, SegmentId, SessionId, Store};

#[test]
fn a_clone_outlives_the_first_handle() {
    // A handle on a server needs a server, so only check that the types implement `Clone`.
    let _clone_redis: fn(&RedisStore) -> RedisStore = Clone::clone;
    let _clone_postgres: fn(&PostgresStore) -> PostgresStore = Clone::clone;
    let folder = tempfile::tempdir().unwrap();
    check(FsStore::open_or_create(folder.path().join("logs")).unwrap());
    check(SqliteStore::open_or_create(folder.path().join("logs.db")).unwrap());
    check(MemoryStore::new());
    check::<OpenStore>(session_store::open_or_create("memory:").unwrap());
}

fn check<S: Store + Clone>(store: S) {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entry = LogEntry::from_json("{}").unwrap();
    let clone = store.clone();
    store.append(session, segment, &entry).unwrap();
    drop(store);
    clone.append(session, segment, &entry).unwrap();
    assert_eq!(clone.read_entry_count(session, segment).unwrap(), 2);
}
