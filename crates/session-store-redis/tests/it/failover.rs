//! A master is lost, and what it had acknowledged may be lost with it: a writer is told, and nothing is
//! there twice or with a gap.

use std::thread;
use std::time::{Duration, Instant};

use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use session_store_redis::{RedisOptions, RedisStore};

use crate::servers::sentinel::Group;

fn open(group: &Group) -> RedisStore {
    let mut options = RedisOptions::new();
    options.response_timeout(Duration::from_millis(300)).retry_for(Duration::from_secs(30));
    options.create(true).open(&group.url()).unwrap()
}

fn entry(writer: usize, n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"writer":{writer},"n":{n}}}"#)).unwrap()
}

#[test]
fn a_writer_whose_entries_were_lost_gets_a_conflict() {
    let mut group = Group::start();
    let store = open(&group);
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let kept = store.append_if(session, segment, None, &[entry(0, 0)]).unwrap();
    let synced: i64 =
        redis::cmd("WAIT").arg(1).arg(5000).query(&mut group.master.connection()).unwrap();
    assert_eq!(synced, 1);

    group.replica.signal("STOP");
    let cut: i64 = redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "replica"])
        .query(&mut group.master.connection())
        .unwrap();
    assert_eq!(cut, 1);
    let lost = store.append_if(session, segment, Some(kept), &[entry(0, 1)]).unwrap();
    group.master.kill();
    group.replica.signal("CONT");

    let error = store.append_if(session, segment, Some(lost), &[entry(0, 2)]).unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(store.head(session, segment).unwrap(), Some(kept));
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0, 0)]);

    // As many entries as before the loss, but not the same: still a conflict.
    store.append(session, segment, &entry(1, 0)).unwrap();
    let error = store.append_if(session, segment, Some(lost), &[entry(0, 2)]).unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
}

#[test]
fn a_failover_under_writers_leaves_no_gap_and_nothing_twice() {
    let mut group = Group::start();
    let store = open(&group);
    thread::scope(|scope| {
        let store = &store;
        let until = Instant::now() + Duration::from_secs(8);
        let writers: Vec<_> =
            (0..4).map(|writer| scope.spawn(move || write_until(store, writer, until))).collect();
        thread::sleep(Duration::from_millis(500));
        group.master.kill();
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        println!("entries and conflicts of each writer: {written:?}");
        assert!(written.iter().all(|&(entries, _)| entries > 100), "{written:?}");
    });
}

/// Appends where nobody else does. A conflict can only mean that entries were lost: those that are left
/// must be the first ones, in order.
fn write_until(store: &RedisStore, writer: usize, until: Instant) -> (usize, usize) {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let (mut head, mut written, mut conflicts) = (None, Vec::new(), 0);
    for n in 0.. {
        if Instant::now() >= until {
            break;
        }
        match store.append_if(session, segment, head, &[entry(writer, n)]) {
            Ok(next) => {
                head = Some(next);
                written.push(entry(writer, n));
            }
            Err(error) => {
                assert!(error.is_conflict(), "{error:?}");
                conflicts += 1;
                head = store.head(session, segment).unwrap();
                written.truncate(head.map_or(0, |head| head.entries()));
            }
        }
        assert_eq!(head.map(|head| head.entries()), Some(written.len()).filter(|_| head.is_some()));
    }
    assert_eq!(store.read_all(session, segment).unwrap(), written);
    (written.len(), conflicts)
}
