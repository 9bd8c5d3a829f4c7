//! Tests of `SegmentInfo`: the head, the size and the time of the last change of a segment.
//!
//! The three values belong to one moment ([L7](session_store_core::contract#l7)), and are listed in
//! order ([L8](session_store_core::contract#l8)). A handle that has read a log does not read the
//! log again to find them.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::thread;
use std::time::{Duration, SystemTime};

use session_store_core::{
    Head, ListOptions, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, TraceEntry,
};
use session_store_fs::FsStore;

use crate::{Fixture, entry, numbered};

fn info(fixture: &Fixture, store: &FsStore) -> SegmentInfo {
    store.segment_info(fixture.session, fixture.segment).unwrap().unwrap()
}

fn all(store: &FsStore) -> Vec<(SegmentKey, SegmentInfo)> {
    store.list_infos(&ListOptions::new()).unwrap()
}

#[test]
fn the_size_is_the_readable_length_and_the_time_that_of_the_log() {
    let fixture = Fixture::holding("{\"a\":1}\n{\"b\":2}\n{\"torn");
    let store = fixture.open();
    let found = info(&fixture, &store);
    assert_eq!(found.head.entries(), 2);
    assert_eq!(found.bytes, Some(16));
    let modified = fs::metadata(fixture.log()).unwrap().modified().unwrap();
    assert_eq!(found.modified, Some(modified));

    fixture.append(&store, "{}");
    let found = info(&fixture, &store);
    assert_eq!((found.head.entries(), found.bytes), (3, Some(19)));
    assert_eq!(found.head, store.head(fixture.session, fixture.segment).unwrap().unwrap());
    assert_eq!(store.segment_info(fixture.session, SegmentId::new()).unwrap(), None);
}

#[test]
fn the_time_never_goes_back() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    let mut last = SystemTime::UNIX_EPOCH;
    for round in 0..200 {
        match round % 4 {
            0 => store.create_segment(session, segment, &numbered(0..2)).unwrap(),
            1 => store.truncate(session, segment, 1).unwrap(),
            _ => fixture.append(&store, "{}"),
        }
        let modified = info(&fixture, &store).modified.unwrap();
        assert!(modified >= last, "round {round}");
        last = modified;
    }
}

#[test]
fn a_long_replacement_is_not_older_than_an_append_that_came_first() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    fixture.append(&one, "{}");
    let long: Vec<_> = numbered(0..200_000);
    let mut last = SystemTime::UNIX_EPOCH;
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            for _ in 0..5 {
                other.create_segment(session, segment, &long).unwrap();
            }
        });
        while !replacing.is_finished() {
            fixture.append(&one, "{}");
            let modified = info(&fixture, &one).modified.unwrap();
            assert!(modified >= last);
            last = modified;
        }
    });
}

#[test]
fn listed_facts_are_those_of_each_segment_in_the_order_of_the_listings() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let sessions: Vec<_> = std::iter::repeat_with(SessionId::new).take(7).collect();
    for (n, &session) in sessions.iter().enumerate() {
        for _ in 0..=n % 3 {
            store.create_segment(session, SegmentId::new(), &numbered(0..n)).unwrap();
        }
    }
    // A trace or an empty folder alone is not a session.
    let trace = TraceEntry::from_json("{}").unwrap();
    store.append_trace(SessionId::new(), SegmentId::new(), &trace).unwrap();

    for store in [&store, &fixture.open()] {
        let mut expected = Vec::new();
        for session in store.list_sessions().unwrap() {
            for segment in store.list_segments(session).unwrap() {
                let found = store.segment_info(session, segment).unwrap().unwrap();
                expected.push((SegmentKey::new(session, segment), found));
            }
        }
        assert_eq!(all(store), expected);
        assert_eq!(expected.len(), 13);

        let mut pages = Vec::new();
        let mut options = ListOptions::new().limit(2);
        while let Some(last) = {
            let page = store.list_infos(&options).unwrap();
            pages.extend_from_slice(&page);
            page.last().map(|(key, _)| key.session_id)
        } {
            options = options.after(last);
        }
        assert_eq!(pages, expected);
    }
}

#[test]
fn a_limit_counts_sessions_that_hold_a_log() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fixture.append(&store, "{}");
    // These folders come before the session in the listing.
    for _ in 0..5 {
        fs::create_dir(fixture.path(&SessionId::new().to_string())).unwrap();
    }
    assert_eq!(store.list_infos(&ListOptions::new().limit(1)).unwrap(), all(&store));
    assert_eq!(all(&store).len(), 1);
    assert_eq!(store.list_infos(&ListOptions::new().limit(0)).unwrap(), []);
}

#[test]
fn known_logs_are_not_read_again() {
    const SESSIONS: usize = 1_000;
    let fixture = Fixture::new();
    let writer = fixture.open();
    let keys: Vec<_> =
        std::iter::repeat_with(|| (SessionId::new(), SegmentId::new())).take(SESSIONS).collect();
    for &(session, segment) in &keys {
        writer.create_segment(session, segment, &numbered([0, 1])).unwrap();
    }
    let reader = fixture.open();
    let before = all(&reader);
    assert_eq!(before.len(), SESSIONS);
    // Joins two lines without changing the length. Only reading the log again would show that.
    for (session, segment) in keys {
        let path = fixture.path(&format!("{session}/{segment}.jsonl"));
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(7)).unwrap();
        file.write_all(b" ").unwrap();
    }
    let heads = |infos: Vec<(SegmentKey, SegmentInfo)>| -> Vec<Head> {
        infos.into_iter().map(|(_, info)| info.head).collect()
    };
    assert_eq!(heads(all(&reader)), heads(before));
    assert!(heads(all(&fixture.open())).iter().all(|head| head.entries() == 1));
}

#[test]
fn a_change_by_another_handle_shows_in_the_facts() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    let facts = || {
        let found = all(&one);
        assert_eq!(found.len(), 1);
        (found[0].1.head.entries(), found[0].1.bytes.unwrap())
    };
    other.create_segment(session, segment, &numbered([0, 1])).unwrap();
    assert_eq!(facts(), (2, 16));
    fixture.append(&other, "{}");
    assert_eq!(facts(), (3, 19));
    other.truncate(session, segment, 1).unwrap();
    other.append_all(session, segment, &[entry("{\"x\":\"1234\"}")]).unwrap();
    let after = one.segment_info(session, segment).unwrap().unwrap();
    assert_eq!(Some(after.head), other.head(session, segment).unwrap());
    assert_eq!(facts(), (2, 21));
    other.delete_segment(session, segment).unwrap();
    assert_eq!(all(&one), []);
}

#[test]
fn the_facts_of_another_programs_log_follow_its_changes() {
    let fixture = Fixture::holding("{\"n\":0}\n{\"n\":1}\n");
    let store = fixture.open();
    let before = info(&fixture, &store);
    assert_eq!(info(&fixture, &store), before);
    thread::sleep(Duration::from_millis(20));
    // The length stays the same, so only the time shows the change.
    fs::write(fixture.log(), "{\"n\":0}  \"n\":1}\n").unwrap();
    let after = info(&fixture, &store);
    assert_eq!((before.head.entries(), after.head.entries()), (2, 1));
    assert_ne!(before.head, after.head);
    assert_eq!(Some(after.head), store.head(fixture.session, fixture.segment).unwrap());
}
