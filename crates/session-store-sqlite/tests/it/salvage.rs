//! Tests of the salvage of databases that were cut off or overwritten at many places.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::{LogEntry, Pod, PodStore, SegmentKey, Store, StoreError, TraceEntry};
use session_store_sqlite::{DamagedDatabase, Salvaged, SalvagedLog, SqliteStore};

use crate::{entry, fresh, ids};

const PAGE: usize = 4096;

/// The first byte of an inner page of a table.
const INNER: u8 = 0x05;

/// More than the number of entries on a page.
const ROWS: usize = 64;

/// The logs of a store, each with its entries.
type Content = BTreeMap<SegmentKey, Vec<LogEntry>>;

/// Fills a store so that all its tables have inner pages, and that some texts are too long for one
/// page and continue on overflow pages.
fn fill(store: &SqliteStore) -> Content {
    let mut content = Content::new();
    for log in 0..120 {
        let (session, segment) = ids();
        let length = |n: usize| if n % 40 == 39 { 9000 } else { 60 + n * 7 % 50 };
        let text = |n| format!(r#"{{"log":{log},"n":{n},"text":"{}"}}"#, "x".repeat(length(n)));
        let entries: Vec<_> =
            (0..log * 3 % 100).map(|n| LogEntry::from_json(text(n)).unwrap()).collect();
        store.create_segment(session, segment, &entries).unwrap();
        content.insert(SegmentKey::new(session, segment), entries);
        if log % 10 == 0 {
            let trace = TraceEntry::from_json(r#"{"trace":1}"#).unwrap();
            store.append_trace(session, segment, &trace).unwrap();
            let name = format!("agent-{log}").parse().unwrap();
            store.put_pod(&name, &Pod::new(session, Some(segment))).unwrap();
        }
    }
    content
}

/// Salvages the database, and compares the report and the new store with the whole content.
/// Returns the numbers of losses and of recovered entries.
#[track_caller]
fn salvage(path: &Path, content: &Content, what: &str) -> (usize, usize) {
    let before = fs::read(path).unwrap();
    let (_folder, _, to) = fresh();
    let mut found = Vec::new();
    let damaged = DamagedDatabase::open(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    damaged.copy_to(&to, &mut |salvaged| found.push(salvaged)).unwrap();
    assert_eq!(fs::read(path).unwrap(), before, "{what}: the damaged file was changed");

    let logs = found.iter().filter_map(|salvaged| match salvaged {
        Salvaged::Log(log) if !log.is_trace => Some((log.key, log)),
        _ => None,
    });
    let logs: BTreeMap<SegmentKey, &SalvagedLog> = logs.collect();
    let losses = found.iter().filter(|salvaged| salvaged.is_loss()).count();
    for (&key, entries) in content {
        let SegmentKey { session_id, segment_id } = key;
        let Some(log) = logs.get(&key) else {
            assert!(losses > 0, "{what}: {key} is missing without a loss");
            continue;
        };
        let is_lost = |n: usize| log.lost.iter().any(|range| range.contains(&(n + 1)));
        if log.is_whole() {
            assert_eq!(log.recovered, entries.len(), "{what}: {key}");
            assert!(log.lost.is_empty(), "{what}: {log}");
        }
        match to.read_all(session_id, segment_id) {
            Ok(read) => {
                // If the number of entries is known, the report names exactly the lost entries.
                let last = log.expected.unwrap_or(
                    log.recovered
                        + log
                            .lost
                            .iter()
                            .map(|range| range.end() - range.start() + 1)
                            .sum::<usize>(),
                );
                let left = (0..last).filter(|&n| !is_lost(n)).map(|n| entries[n].clone());
                assert_eq!(read, left.collect::<Vec<_>>(), "{what}: {log}");
                assert!(log.recovered > 0 || log.is_whole(), "{what}: {log}");
            }
            Err(StoreError::NotFound(_)) => assert_eq!(log.recovered, 0, "{what}: {log}"),
            Err(error) => panic!("{what}: {error}"),
        }
    }
    let listed = to.list_sessions().unwrap().len();
    assert!(listed <= content.len(), "{what}: {listed} sessions");
    if losses == 0 {
        assert_eq!(listed, content.len(), "{what}");
        assert_eq!(to.list_pods().unwrap().len(), 12, "{what}");
    }
    (losses, logs.values().map(|log| log.recovered).sum())
}

/// Returns the bytes of a filled database, and its content.
fn filled() -> (Vec<u8>, Content) {
    let (_folder, path, store) = fresh();
    let content = fill(&store);
    drop(store);
    (fs::read(path).unwrap(), content)
}

#[test]
fn a_sound_database_is_copied_whole() {
    let (_folder, path, store) = fresh();
    let content = fill(&store);
    drop(store);
    assert_eq!(salvage(&path, &content, "sound").0, 0);
}

#[test]
fn changes_in_the_write_ahead_log_are_copied_and_the_log_is_not_changed() {
    let (_folder, path, store) = fresh();
    let content = fill(&store);
    let wal = path.with_file_name("sessions.db-wal");
    let before = fs::read(&wal).unwrap();
    assert!(!before.is_empty());
    assert_eq!(salvage(&path, &content, "with a log").0, 0);
    assert_eq!(fs::read(&wal).unwrap(), before);
}

#[test]
fn a_database_cut_off_at_any_page_gives_what_is_left() {
    let (bytes, content) = filled();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.db");
    let pages = bytes.len() / PAGE;
    assert!(pages > 100, "{pages}");
    let mut cuts = 0;
    for page in (1..pages).rev().step_by(11) {
        for cut in [page * PAGE, page * PAGE - 100] {
            if cut <= PAGE {
                continue;
            }
            fs::write(&path, &bytes[..cut]).unwrap();
            let (losses, _) = salvage(&path, &content, &format!("cut at {cut}"));
            assert!(losses > 0, "cut at {cut}: no loss is reported");
            cuts += 1;
        }
    }
    assert!(cuts > 20);
}

#[rstest]
#[case::zeros(0)]
#[case::ones(0xff)]
#[case::letters(b'A')]
fn an_overwritten_page_costs_only_its_rows(#[case] byte: u8) {
    let (bytes, content) = filled();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overwritten.db");
    for page in (1..bytes.len() / PAGE).step_by(13) {
        let mut damaged = bytes.clone();
        damaged[page * PAGE..(page + 1) * PAGE].fill(byte);
        fs::write(&path, &damaged).unwrap();
        if byte == b'A' && is_overflow(&bytes, page) {
            continue; // Such a text can still be an entry, so the change cannot be detected.
        }
        let what = format!("page {page} overwritten with {byte}");
        let (_, recovered) = salvage(&path, &content, &what);
        if bytes[page * PAGE] != INNER {
            let lost = content.values().map(Vec::len).sum::<usize>() - recovered;
            assert!(lost <= ROWS, "{what}: {lost} entries are lost");
        }
    }
}

/// Returns whether a page is not part of a tree, but has a part of a long text.
fn is_overflow(bytes: &[u8], page: usize) -> bool {
    ![0x02, 0x05, 0x0a, 0x0d].contains(&bytes[page * PAGE])
}

#[test]
fn a_log_whose_last_rows_are_missing_is_not_whole() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &[entry(0), entry(1), entry(2), entry(3)]).unwrap();
    drop(store);
    let tampering = "DELETE FROM entry WHERE text LIKE '%:1}' OR text LIKE '%:3}'";
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    let (_other, _, to) = fresh();
    let mut found = Vec::new();
    let damaged = DamagedDatabase::open(&path).unwrap();
    damaged.copy_to(&to, &mut |salvaged| found.push(salvaged.to_string())).unwrap();
    let key = SegmentKey::new(session, segment);
    assert_eq!(found, [format!("in part: {key}: 2 of 4 entries; lost entries: 2, 4")]);
    assert_eq!(to.read_all(session, segment).unwrap(), [entry(0), entry(2)]);
}

#[test]
fn entries_without_a_log_are_a_loss() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &[entry(0), entry(1)]).unwrap();
    drop(store);
    Connection::open(&path).unwrap().execute_batch("DELETE FROM log").unwrap();
    let (_other, _, to) = fresh();
    let mut found = Vec::new();
    let damaged = DamagedDatabase::open(&path).unwrap();
    damaged.copy_to(&to, &mut |salvaged| found.push(salvaged.to_string())).unwrap();
    assert_eq!(found, ["lost: 2 entries of segments whose ids cannot be read"]);
}

#[test]
fn entries_after_the_stored_end_of_a_log_are_a_loss() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &[entry(0), entry(1), entry(2)]).unwrap();
    drop(store);
    Connection::open(&path).unwrap().execute_batch("UPDATE log SET entries = 1").unwrap();
    let (_other, _, to) = fresh();
    let mut found = Vec::new();
    let damaged = DamagedDatabase::open(&path).unwrap();
    damaged.copy_to(&to, &mut |salvaged| found.push(salvaged)).unwrap();
    assert!(found.iter().any(Salvaged::is_loss), "{found:?}");
    let key = SegmentKey::new(session, segment);
    let loss = format!("lost: 2 entries after entry 1, the stored end of {key}");
    assert_eq!(found[0].to_string(), loss);
}

#[test]
fn another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let refused = || DamagedDatabase::open(&path).err().unwrap();
    assert!(matches!(refused(), StoreError::NoStore { .. }));
    fs::write(&path, "no database\n".repeat(1000)).unwrap();
    assert!(matches!(refused(), StoreError::NotAStore { .. }));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(refused(), StoreError::NotAStore { .. }));
    let (bytes, _) = filled();
    fs::write(&path, [&[b'A'; PAGE], &bytes[PAGE..]].concat()).unwrap();
    assert!(matches!(refused(), StoreError::NotAStore { .. }), "a first page that is overwritten");
    assert!(matches!(DamagedDatabase::open(folder.path()), Err(StoreError::NotAStore { .. })));
}
