//! Tests of logs that are larger than one call: staged batches, and reads in parts.

use std::io::ErrorKind;
use std::sync::LazyLock;
use std::{slice, thread};

use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::RedisServer;

static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));

fn store(prefix: &str) -> RedisStore {
    RedisOptions::new().create(true).prefix(prefix).open(&SERVER.url()).unwrap()
}

fn keys(pattern: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(pattern).query(&mut SERVER.connection()).unwrap()
}

fn ids() -> (SessionId, SegmentId) {
    (SessionId::new(), SegmentId::new())
}

/// Returns entries of a kind, each of about this many bytes.
fn entries(kind: &str, count: usize, bytes: usize) -> Vec<LogEntry> {
    let filling = "x".repeat(bytes);
    let text = |n| format!(r#"{{"kind":"{kind}","n":{n},"filling":"{filling}"}}"#);
    (0..count).map(|n| LogEntry::from_json(text(n)).unwrap()).collect()
}

#[test]
fn a_large_batch_is_staged_and_leaves_nothing_behind() {
    let store = store("staged");
    let (session, segment) = ids();
    let (many, large) = (entries("many", 12_000, 0), entries("large", 9, 1_000_000));
    store.append_all(session, segment, &many).unwrap();
    store.append_all(session, segment, &large).unwrap();
    let head = store.head(session, segment).unwrap();
    let next = store.append_if(session, segment, head, &many).unwrap();
    let expected = [&many[..], &large, &many].concat();
    assert_eq!(next.entries(), expected.len());
    assert!(store.read_all(session, segment).unwrap() == expected);

    store.append_if(session, segment, head, &many).unwrap_err();
    store.create_segment(session, segment, &large).unwrap();
    assert!(store.read_all(session, segment).unwrap() == large);
    assert_eq!(
        keys("staged:*:staging:*"),
        [""; 0],
        "the staged entries of the failed append are still stored"
    );
    let log = &keys("staged:*:entries:*")[0];
    let left: i64 = redis::cmd("PTTL").arg(log).query(&mut SERVER.connection()).unwrap();
    assert_eq!(left, -1, "the log expires as the staged list did");
}

#[test]
fn a_new_log_is_staged_by_a_list_command_and_leaves_nothing_behind() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = ids();
    let (first, second) = (entries("first", 200, 1000), entries("second", 100, 1000));
    store.append_if(session, segment, None, &first).unwrap();
    assert!(store.read_all(session, segment).unwrap() == first);
    store.create_segment(session, segment, &second).unwrap();
    assert!(store.read_all(session, segment).unwrap() == second);

    assert_eq!(calls(&server, &["rpushx"]), 2);
    assert_eq!(staged(&server), [""; 0]);
}

fn staged(server: &RedisServer) -> Vec<String> {
    redis::cmd("KEYS").arg("*:staging:*").query(&mut server.connection()).unwrap()
}

#[test]
fn a_login_without_the_list_command_can_create_a_log() {
    let server = RedisServer::start_in_memory(&[]);
    let rules = ["reset", "on", ">secret", "~*", "+@all", "-rpushx"];
    redis::cmd("ACL")
        .arg("SETUSER")
        .arg("user")
        .arg(&rules)
        .exec(&mut server.connection())
        .unwrap();
    let url = format!("redis://user:secret@127.0.0.1:{}", server.port());
    let store = RedisStore::open_or_create(&url).unwrap();
    let (session, segment) = ids();
    let log = entries("some", 200, 1000);
    store.create_segment(session, segment, &log).unwrap();
    assert!(store.read_all(session, segment).unwrap() == log);
    // At most one entry remains, and it expires.
    for key in staged(&server) {
        let mut raw = server.connection();
        let length: i64 = redis::cmd("LLEN").arg(&key).query(&mut raw).unwrap();
        let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut raw).unwrap();
        assert!(length == 1 && left > 0, "{length} entries expire in {left} ms");
    }
}

#[test]
fn entries_staged_on_a_full_server_are_freed() {
    let server = RedisServer::start_in_memory(&["--maxmemory", "24mb"]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = ids();
    let error = store.append_all(session, segment, &entries("large", 60, 1_000_000)).unwrap_err();
    assert!(matches!(&error, StoreError::Io(e) if e.kind() == ErrorKind::StorageFull), "{error:?}");
    store.append(session, segment, &entries("small", 1, 10)[0]).unwrap();
    assert_eq!(staged(&server), [""; 0]);
}

#[test]
fn a_long_read_during_replacements_returns_one_whole_log() {
    let store = store("replaced");
    let (session, segment) = ids();
    let logs = [entries("old", 30, 100_000), entries("new", 40, 100_000)];
    store.create_segment(session, segment, &logs[0]).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..40 {
                store.create_segment(session, segment, &logs[round % 2]).unwrap();
            }
        });
        while !writer.is_finished() {
            let page = store.read_page(session, segment, 0, usize::MAX).unwrap();
            assert!(logs.contains(&page.entries), "{} entries", page.entries.len());
            assert_eq!(page.entries.len(), page.head.entries());
        }
    });
}

#[test]
fn a_long_read_during_appends_returns_the_log_of_its_head() {
    let store = store("appended");
    let (session, segment) = ids();
    let log = entries("some", 30, 100_000);
    store.create_segment(session, segment, &log).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            log.iter().for_each(|entry| store.append(session, segment, entry).unwrap());
        });
        while !writer.is_finished() {
            let page = store.read_page(session, segment, 0, usize::MAX).unwrap();
            assert_eq!(page.entries.len(), page.head.entries());
        }
    });
    let page = store.read_page(session, segment, 20, 2_500_000).unwrap();
    assert!(page.entries == [&log[20..], &log[..14]].concat(), "{}", page.entries.len());
}

#[test]
fn a_read_takes_little_memory_of_the_server() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = ids();
    // The store estimates the size of the next entries from the mean size of the entries before
    // them. Here the next entries are much larger.
    let log = [entries("small", 30_000, 0), entries("large", 1500, 40_000)].concat();
    store.create_segment(session, segment, &log).unwrap();
    let memory = |what: &str| -> u64 {
        let info = server.info("memory");
        let value = info.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        value.and_then(|bytes| bytes.parse().ok()).unwrap()
    };
    let before = memory("used_memory");
    assert!(store.read_all(session, segment).unwrap() == log);
    let taken = memory("used_memory_peak") - before;
    println!("the read took {} MiB of the server's memory", taken >> 20);
    assert!(taken < 32 << 20, "{taken}");
}

#[test]
fn later_pages_are_read_without_a_script() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let read = |segment, log: &[LogEntry]| {
        let before = calls(&server, &["evalsha", "eval"]);
        let mut read = Vec::new();
        while read.len() < log.len() {
            let page = store.read_page(SESSION, segment, read.len(), 20_000).unwrap();
            assert_eq!(page.head.entries(), log.len());
            read.extend(page.entries);
        }
        assert!(read == log);
        calls(&server, &["evalsha", "eval"]) - before
    };
    const SESSION: SessionId = SessionId::from_bytes([7; 16]);
    let (short, long) = (SegmentId::new(), SegmentId::new());
    // Some entries are larger than a page.
    let log = [entries("small", 300, 500), entries("large", 5, 30_000), entries("last", 300, 0)];
    store.create_segment(SESSION, short, &log.concat()).unwrap();
    // The script runs by its hash, and then by its text, because the server has not cached it.
    assert_eq!(read(short, &log.concat()), 2);
    assert_eq!(read(short, &log.concat()), 0);

    // A part of a log over 16 MiB can be much larger than a page.
    let log = [entries("small", 100, 10), entries("large", 17, 1 << 20)].concat();
    store.create_segment(SESSION, long, &log).unwrap();
    assert!(read(long, &log) > 17);
}

#[test]
fn a_long_trace_is_read_in_parts() {
    let store = store("trace");
    let (session, segment) = ids();
    let filling = "x".repeat(700_000);
    let text = |n| format!(r#"{{"n":{n},"filling":"{filling}"}}"#);
    let trace: Vec<_> = (0..5).map(|n| TraceEntry::from_json(text(n)).unwrap()).collect();
    trace.iter().for_each(|entry| store.append_trace(session, segment, entry).unwrap());
    assert!(store.read_trace_page(session, segment, 0, usize::MAX).unwrap().entries == trace);
    assert!(store.read_trace_page(session, segment, 1, 1).unwrap().entries == trace[1..2]);
}

#[test]
fn an_append_to_an_existing_segment_is_one_command() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = ids();
    let entry = &entries("one", 1, 10)[0];
    store.append(session, segment, entry).unwrap();
    const COUNTED: [&str; 4] = ["evalsha", "eval", "unlink", "info"];
    let before = calls(&server, &COUNTED);
    for _ in 0..10 {
        store.append(session, segment, entry).unwrap();
    }
    // The first INFO is counted too, since a server counts a command after its reply.
    assert_eq!(calls(&server, &COUNTED) - before, 10 + 1);

    let head = store.head(session, segment).unwrap();
    store.append(session, segment, entry).unwrap();
    let before = calls(&server, &COUNTED);
    store.append_if(session, segment, head, slice::from_ref(entry)).unwrap_err();
    assert_eq!(calls(&server, &COUNTED) - before, 1 + 1, "a conflict is one command too");
}

/// Returns how often clients have called these commands.
pub(crate) fn calls(server: &RedisServer, names: &[&str]) -> u64 {
    let info: String =
        redis::cmd("INFO").arg("commandstats").query(&mut server.connection()).unwrap();
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        names.contains(&name).then(|| rest.split(',').next()?.parse::<u64>().ok())?
    };
    info.lines().filter_map(calls).sum()
}
