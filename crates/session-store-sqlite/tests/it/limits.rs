//! Tests of the highest numbers of logs and entries. The rowid of an entry contains the number of
//! its log and its position, with a fixed number of bits for each. At the limit a call fails and
//! does not overwrite another entry.

use rusqlite::Connection;
use session_store_core::{Store, StoreError};

use crate::{entry, fresh, ids};

#[test]
fn a_full_log_accepts_no_entry() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let almost_full = "UPDATE log SET entries = 4294967294";
    Connection::open(&path).unwrap().execute_batch(almost_full).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    let error = store.append(session, segment, &entry(2)).unwrap_err();
    assert!(matches!(error, StoreError::Backend(_)), "{error:?}");
    assert!(error.to_string().contains(&segment.to_string()), "{error}");
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 4_294_967_295);
    let last = store.read_page(session, segment, 4_294_967_294, 100).unwrap();
    assert_eq!(last.entries, [entry(1)]);
    let past = store.read_page(session, segment, usize::MAX, 100).unwrap();
    assert!(past.entries.is_empty());
}

#[test]
fn a_full_database_accepts_no_log() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let last = "INSERT INTO log (number, session_id, segment_id, trace, entries, epoch)
         VALUES (2147483646, zeroblob(16), zeroblob(16), 0, 0, zeroblob(16))";
    Connection::open(&path).unwrap().execute_batch(last).unwrap();
    store.append(session, segment, &entry(0)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
    let (_, another) = ids();
    let error = store.append(session, another, &entry(0)).unwrap_err();
    assert!(matches!(error, StoreError::Backend(_)), "{error:?}");
    assert!(!store.exists(session, another).unwrap());
}
