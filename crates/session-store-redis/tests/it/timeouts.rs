//! Tests of servers that do not answer in time, and of servers that are down while a store is
//! opened.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::RedisServer;

use crate::open::{kind, works};

const SHORT: Duration = Duration::from_millis(200);

fn short_timeouts() -> RedisOptions {
    RedisOptions::new().response_timeout(SHORT).retry_for(SHORT)
}

#[test]
fn an_error_names_the_timeout_and_the_server() {
    let server = RedisServer::start_in_memory(&[]);
    works(&RedisStore::open_or_create(&server.url()).unwrap());
    let store = short_timeouts().open(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[]).unwrap();
    server.pause();
    let read = store.read_all(session, segment).unwrap_err();
    let opened = short_timeouts().open(&server.url()).unwrap_err();
    for error in [&read, &opened] {
        assert_eq!(kind(error), Some(ErrorKind::TimedOut), "{error:?}");
        assert!(error.is_transient());
    }
    let entry = LogEntry::from_json("{}").unwrap();
    let append = store.append(session, segment, &entry).unwrap_err();
    assert!(append.is_indeterminate(), "{append:?}");
    for error in [read, opened, append] {
        let text = error.to_string();
        let server = format!("timed out: no reply from 127.0.0.1:{} within 200ms", server.port());
        assert!(text.contains(&server), "{text}");
    }
    server.resume();
}

#[test]
fn a_store_is_opened_when_its_server_is_up_again() {
    let mut server = RedisServer::start_durable(&[]);
    let url = server.url();
    works(&RedisStore::open_or_create(&url).unwrap());
    server.kill();
    let options = RedisOptions::new().wait_for_server(Duration::from_secs(60));
    thread::scope(|scope| {
        let opened = scope.spawn(|| options.open(&url));
        // The attempts before the restart are refused.
        thread::sleep(SHORT);
        server.restart();
        works(&opened.join().unwrap().unwrap());
    });
}

#[test]
fn an_open_store_is_used_again_after_a_longer_time_than_opening_waits() {
    let mut server = RedisServer::start_durable(&[]);
    let url = server.url();
    let options = RedisOptions::new().retry_for(Duration::from_secs(60)).wait_for_server(SHORT);
    let store = options.clone().create(true).open(&url).unwrap();
    server.kill();
    assert_eq!(kind(&options.open(&url).unwrap_err()), Some(ErrorKind::ConnectionRefused));
    thread::scope(|scope| {
        let used = scope.spawn(|| works(&store));
        thread::sleep(2 * SHORT);
        server.restart();
        used.join().unwrap();
    });
}
