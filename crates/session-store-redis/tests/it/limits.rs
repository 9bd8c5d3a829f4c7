//! Tests of servers that are busy or have a low limit, and of logs that have lost one of their two
//! keys. A call fails, and the storage is unchanged.

use std::thread;
use std::time::Duration;

use rstest::rstest;
use session_store_core::{ListOptions, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_redis::RedisStore;
use test_deadlines::wait_until;
use test_servers::RedisServer;

use crate::open::works;

#[test]
fn an_entry_over_the_limit_of_the_server_is_too_large() {
    let server = RedisServer::start_in_memory(&["--proto-max-bulk-len", "1mb"]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entry = |size: usize| {
        LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(size - 8))).unwrap()
    };
    let limit = 1_usize << 20;
    store.append(session, segment, &entry(limit)).unwrap();
    for size in [limit + 1, 20 * limit] {
        let error = store.append(session, segment, &entry(size)).unwrap_err();
        let is_too_large = matches!(error, StoreError::TooLarge { limit: 1_048_576, .. });
        assert!(is_too_large, "{error:?}");
    }
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 1);
}

#[test]
fn a_call_waits_while_a_foreign_script_blocks_the_server() {
    let server = RedisServer::start_in_memory(&["--busy-reply-threshold", "20"]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut endless = redis::cmd("EVAL");
            let mut connection = server.connection();
            // If the wait below panics, nothing kills the script. The timeout then ends this
            // thread.
            connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            endless.arg("while true do end").arg(0).exec(&mut connection).unwrap_err();
        });
        let mut raw = server.connection();
        wait_until("the server to be busy", || {
            redis::cmd("PING").exec(&mut raw).is_err_and(|error| error.code() == Some("BUSY"))
        });
        let waiting = scope.spawn(|| works(&store));
        redis::cmd("SCRIPT").arg("KILL").exec(&mut raw).unwrap();
        waiting.join().unwrap();
    });
}

#[rstest]
#[case("log")]
#[case("entries")]
fn a_log_that_has_lost_a_key_is_an_error_until_it_is_deleted(
    #[case] half: &str,
    #[values(1, 2)] changes: usize,
) {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entry = || LogEntry::from_json("{}").unwrap();
    for _ in 0..changes {
        store.append(session, segment, &entry()).unwrap();
    }
    let mut raw = server.connection();
    let keys = |pattern: &str, raw: &mut redis::Connection| -> Vec<String> {
        redis::cmd("KEYS").arg(pattern).query(raw).unwrap()
    };
    let lost = keys(&format!("*:{half}:*"), &mut raw);
    redis::cmd("DEL").arg(&lost).exec(&mut raw).unwrap();
    let left = keys("*:*:*:*", &mut raw);

    for error in [
        store.head(session, segment).unwrap_err(),
        store.list_infos(&ListOptions::new()).unwrap_err(),
        store.read_all(session, segment).unwrap_err(),
        store.append(session, segment, &entry()).unwrap_err(),
        store.create_segment(session, segment, &[entry()]).unwrap_err(),
        store.truncate(session, segment, 0).unwrap_err(),
    ] {
        assert!(!error.is_transient(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("APART") && text.contains(&segment.to_string()), "{text}");
    }
    assert_eq!(keys("*:*:*:*", &mut raw), left);

    // The other segments can still be listed, by `list_infos` too.
    let before = SessionId::from_bytes([0xff; 16]);
    let after = SessionId::from_bytes([0; 16]);
    for session in [before, after] {
        store.append(session, SegmentId::new(), &entry()).unwrap();
    }
    assert_eq!(store.list_sessions().unwrap(), [before, session, after]);
    let part = |options: ListOptions| store.list_infos(&options).unwrap()[0].0.session_id;
    assert_eq!(part(ListOptions::new().limit(1)), before);
    assert_eq!(part(ListOptions::new().after(session)), after);
    for session in [before, after] {
        assert!(store.delete_session(session).unwrap());
    }

    assert!(store.delete_segment(session, segment).unwrap());
    works(&store);
    store.append(session, segment, &entry()).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry()]);
}
