//! Tests of opening a store: on servers that are unreachable, hold another program's data or have
//! unsafe settings, and with logins and sockets. Also tests of lookups.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rstest::rstest;
use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::{RedisServer, free_port};

pub(crate) fn works(store: &RedisStore) {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entry = LogEntry::from_json("{}").unwrap();
    store.append(session, segment, &entry).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry]);
}

pub(crate) fn kind(error: &StoreError) -> Option<ErrorKind> {
    match error {
        StoreError::Io(error) => Some(error.kind()),
        _ => None,
    }
}

/// Returns every text of an error that a person or a log may see.
pub(crate) fn shown(error: &StoreError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    causes.map(|cause| format!("{cause} {cause:?}\n")).collect()
}

#[rstest]
#[case("redis")]
#[case("redis-cluster")]
#[case("redis-sentinel")]
fn the_error_names_an_unreachable_server(#[case] scheme: &str) {
    let port = free_port();
    let url = format!("{scheme}://user:hunter2@127.0.0.1:{port}/main");
    let url = if scheme == "redis-sentinel" { url } else { url.replace("/main", "") };
    let start = Instant::now();
    let error = RedisStore::open_or_create(&url).unwrap_err();
    // The wait for a server is 1 second. The retry time, 15 seconds, does not apply.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(kind(&error), Some(ErrorKind::ConnectionRefused), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(!shown(&error).contains("hunter2"), "{}", shown(&error));
}

#[test]
fn opening_to_read_does_not_create_a_store() {
    let server = RedisServer::start_in_memory(&[]);
    let error = RedisStore::open(&server.url()).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
    assert!(error.to_string().contains("does not exist"), "{error}");
    let keys: usize = redis::cmd("DBSIZE").query(&mut server.connection()).unwrap();
    assert_eq!(keys, 0);
    works(&RedisStore::open_or_create(&server.url()).unwrap());
    works(&RedisStore::open(&server.url()).unwrap());
    assert!(RedisStore::open(&format!("{}/1", server.url())).is_err(), "another database");
}

#[test]
fn a_foreign_or_newer_format_is_refused() {
    let server = RedisServer::start_in_memory(&[]);
    let set = |version: &str| {
        let mut set = redis::cmd("SET");
        let key = "session-store:{format}:version";
        set.arg((key, version)).exec(&mut server.connection()).unwrap();
    };
    for version in ["", "0", "one"] {
        set(version);
        let error = RedisStore::open_or_create(&server.url()).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    }
    set("2");
    let error = RedisStore::open(&server.url()).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, .. }), "{error:?}");
    for url in ["redis:x", "redis://h?prefix={a}"] {
        assert_eq!(kind(&RedisStore::open(url).unwrap_err()), Some(ErrorKind::InvalidInput));
    }
}

#[test]
fn a_password_is_checked_and_never_displayed() {
    let server = RedisServer::start_in_memory(&["--requirepass", "hunter2"]);
    let with = |login: &str| format!("redis://{login}127.0.0.1:{}", server.port());
    let store = RedisStore::open_or_create(&with(":hunter2@")).unwrap();
    works(&store);
    works(&RedisStore::open(&with("default:hunter2@")).unwrap());
    assert!(!format!("{store:?}").contains("hunter2"));
    for login in ["", ":hunter3@", "unknown:hunter2@"] {
        let error = RedisStore::open(&with(login)).unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        assert!(!shown(&error).contains("hunter"), "{}", shown(&error));
    }
}

#[test]
fn a_store_can_be_opened_by_its_socket() {
    let server = RedisServer::start_in_memory(&[]);
    let url = format!("redis+unix://{}?db=2", server.socket().display());
    works(&RedisStore::open_or_create(&url).unwrap());
    works(&RedisStore::open(&format!("{}/2", server.url())).unwrap());
}

#[test]
fn foreign_keys_are_ignored_and_kept() {
    let server = RedisServer::start_in_memory(&[]);
    let mut raw = server.connection();
    let strays = ["stray", "session-store", "session-store:{00}:stray", "session-store:x"];
    for stray in strays {
        redis::cmd("SET").arg(stray).arg("kept").exec(&mut raw).unwrap();
    }
    redis::cmd("ZADD").arg(&["session-store:{00}:sessions", "0", "stray"]).exec(&mut raw).unwrap();
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    works(&store);
    let [session] = store.list_sessions().unwrap()[..] else {
        panic!("a foreign member is listed")
    };
    assert!(store.delete_session(session).unwrap());
    for stray in strays {
        let kept: String = redis::cmd("GET").arg(stray).query(&mut raw).unwrap();
        assert_eq!(kept, "kept");
    }
}

#[test]
fn a_setting_that_can_lose_data_gives_a_warning() {
    let safe = RedisServer::start_durable(&[]);
    assert!(RedisStore::open_or_create(&safe.url()).unwrap().warnings().is_empty());
    let unsafe_ = RedisServer::start_in_memory(&["--maxmemory-policy", "allkeys-lru"]);
    let store = RedisStore::open_or_create(&unsafe_.url()).unwrap();
    let warnings = store.warnings().join("\n");
    assert!(warnings.contains("allkeys-lru") && warnings.contains("appendonly no"), "{warnings}");
}

#[test]
fn a_restarted_server_is_used_again() {
    let mut server = RedisServer::start_durable(&[]);
    let options = RedisOptions::new();
    let store =
        options.create(true).retry_for(Duration::from_millis(100)).open(&server.url()).unwrap();
    works(&store);
    server.kill();
    let append = || {
        let entry = LogEntry::from_json("{}").unwrap();
        store.append(SessionId::new(), SegmentId::new(), &entry).unwrap_err()
    };
    // The first append is sent on the lost connection, so its outcome is unknown.
    assert!(append().is_indeterminate());
    let error = append();
    assert!(error.is_transient() && !error.is_indeterminate(), "{error:?}");
    server.restart();
    works(&store);
}

#[test]
fn a_clock_that_goes_back_does_not_change_a_lookup() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (first, second, segment) = (SessionId::new(), SessionId::new(), SegmentId::new());
    store.create_segment(first, segment, &[]).unwrap();
    let mut raw = server.connection();
    let log: Vec<String> = redis::cmd("KEYS").arg("*:log:*").query(&mut raw).unwrap();
    let in_a_century = 5_000_000_000_000_000_u64;
    redis::cmd("HSET").arg((&log[0], "created", in_a_century)).exec(&mut raw).unwrap();
    store.create_segment(second, segment, &[]).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(first));
    store.delete_session(first).unwrap();
    store.create_segment(first, segment, &[]).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(second));
}
