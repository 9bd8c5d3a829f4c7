//! Tests of the check and the repair of a store's directory.
//!
//! A check changes nothing ([M1](session_store_core::contract#m1)), and a repair deletes nothing
//! ([M2](session_store_core::contract#m2)). A check notes torn tails and traces without a log
//! ([M4](session_store_core::contract#m4)).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use rstest::rstest;
use session_store_core::{
    Finding, Pod, PodName, PodStore, SegmentId, SessionId, Severity, Store, TraceEntry,
};
use session_store_fs::FsStore;
use uuid::Uuid;

use crate::{Fixture, entry, numbered};

fn check(store: &FsStore) -> Vec<Finding> {
    let mut found = Vec::new();
    store.maintenance().unwrap().check(&mut |finding| found.push(finding)).unwrap();
    found
}

fn repair(store: &FsStore) -> Vec<Finding> {
    let mut found = Vec::new();
    store.maintenance().unwrap().repair(&mut |finding| found.push(finding)).unwrap();
    found
}

#[test]
fn a_sound_store_has_no_findings() {
    let fixture = Fixture::new();
    let store = fixture.open();
    assert_eq!(check(&store), []);
    fixture.append(&store, "{}");
    store.append_trace(fixture.session, fixture.segment, &trace()).unwrap();
    store.put_pod(&"Ünïcode".parse().unwrap(), &Pod::new(fixture.session, None)).unwrap();
    store.truncate(fixture.session, fixture.segment, 0).unwrap();
    assert_eq!(check(&store), []);
    assert_eq!(repair(&store), []);
}

fn trace() -> TraceEntry {
    TraceEntry::from_json("{}").unwrap()
}

#[test]
fn stray_files_are_noted_and_kept() {
    let fixture = Fixture::holding("{}\n");
    let store = fixture.open();
    fixture.append(&store, "{}");
    repair(&store);
    let session = fixture.session;
    let stray = ["README".to_owned(), format!("{session}/notes.txt"), format!("{session}/x.jsonl")];
    for path in &stray {
        fs::write(fixture.path(path), "foreign").unwrap();
    }
    let folder = format!("{session}/{}.jsonl", SegmentId::new());
    fs::create_dir(fixture.path(&folder)).unwrap();

    let mut places: Vec<_> = check(&store).into_iter().map(|finding| finding.place).collect();
    places.sort();
    let root = fixture.folder.path().canonicalize().unwrap();
    let mut expected: Vec<_> = stray.iter().chain([&folder]).collect();
    expected.sort();
    let expected: Vec<_> =
        expected.iter().map(|path| root.join(path).display().to_string()).collect();
    assert_eq!(places, expected);
    assert_eq!(repair(&store), []);
    assert!(stray.iter().all(|path| fixture.path(path).exists()));
}

#[test]
fn pods_that_no_call_returns_are_faults() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let pod = Pod::new(fixture.session, None);
    store.put_pod(&"MyProject".parse().unwrap(), &pod).unwrap();
    let second = "MyProject".parse::<PodName>().unwrap().hashed_folder().to_string();
    let other = "Other".parse::<PodName>().unwrap().hashed_folder().to_string();
    let folders: [(&[u8], &str); 4] = [
        (b"bad\xff", "no call can name"),
        (b"tab\there", "no call can name"),
        (other.as_bytes(), "no call can name"),
        (second.as_bytes(), "second folder"),
    ];
    for (folder, _) in folders {
        let folder = fixture.path("pods").join(OsStr::from_bytes(folder));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("metadata.json"), "{}").unwrap();
        fs::write(folder.join("name"), "MyProject").unwrap();
    }
    assert_eq!(store.list_pods().unwrap(), ["MyProject".parse().unwrap()]);
    let found = check(&store);
    assert_eq!(found.len(), folders.len(), "{found:?}");
    for (folder, cause) in folders {
        let place = fixture.path("pods").canonicalize().unwrap().join(OsStr::from_bytes(folder));
        let place = place.display().to_string();
        let finding = found.iter().find(|finding| finding.place == place).unwrap();
        assert!(finding.cause.contains(cause), "{finding}");
        assert!(finding.severity == Severity::Fault && finding.is_unlisted, "{finding:?}");
    }
}

#[test]
fn a_quarantined_tail_is_noted_and_kept() {
    let fixture = Fixture::holding("{}\n{\"torn");
    let store = fixture.open();
    fixture.append(&store, "{}");
    repair(&store);
    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Note);
    assert!(found[0].place.contains(&fixture.segment.to_string()), "{found:?}");
    assert!(found[0].remedy.is_some());
    assert_eq!(fs::read_to_string(&found[0].place).unwrap(), "{\"torn");
    assert_eq!(repair(&store), []);
    assert_eq!(check(&store), found);
}

#[test]
fn a_torn_tail_is_noted_before_it_is_quarantined() {
    let fixture = Fixture::holding("{}\n\u{e3}");
    let store = fixture.open();
    repair(&store);
    let before = fs::read(fixture.log()).unwrap();
    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Note);
    assert!(found[0].place.ends_with(&format!("{}.jsonl", fixture.segment)), "{found:?}");
    assert!(found[0].cause.contains("2 bytes"), "{found:?}");
    assert_eq!(fs::read(fixture.log()).unwrap(), before);

    fixture.append(&store, "{}");
    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].place.contains("torn"), "{found:?}");
}

#[test]
fn an_interrupted_truncation_is_noted() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.append_all(fixture.session, fixture.segment, &numbered(0..3)).unwrap();
    let mut bytes = fs::read(fixture.log()).unwrap();
    store.truncate(fixture.session, fixture.segment, 1).unwrap();
    assert_eq!(check(&store), []);
    // The power cut wrote NULs for the second entry, and kept the third one and the length.
    bytes[8..16].fill(0);
    fs::write(fixture.log(), bytes).unwrap();
    let store = fixture.open();
    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].cause.contains("ends at byte 8"), "{found:?}");
    fixture.append(&store, "{}");
    assert!(check(&store).iter().all(|found| found.place.contains("torn")));
}

#[test]
fn a_trace_without_a_log_is_noted() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.append_trace(fixture.session, fixture.segment, &trace()).unwrap();
    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Note);
    assert!(found[0].place.ends_with(&format!("{}.trace.jsonl", fixture.segment)), "{found:?}");
    fixture.append(&store, "{}");
    assert_eq!(check(&store), []);
}

#[test]
fn many_lookups_without_hints_list_each_folder_a_few_times_only() {
    const SESSIONS: usize = 3_000;
    let fixture = Fixture::new();
    let ids: Vec<_> =
        std::iter::repeat_with(|| (SessionId::new(), SegmentId::new())).take(SESSIONS).collect();
    for (session, segment) in &ids {
        fs::create_dir(fixture.path(&session.to_string())).unwrap();
        fs::write(fixture.path(&format!("{session}/{segment}.jsonl")), "{}\n").unwrap();
    }
    let store = fixture.open();
    let start = Instant::now();
    for &(session, segment) in &ids {
        assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    }
    // A search of all sessions for each segment would take 9,000,000 system calls.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    let (session, segment) = ids[7];
    fs::rename(fixture.path(&session.to_string()), fixture.path("aside")).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), None, "the session is gone");
    let other = SessionId::new();
    store.append(other, segment, &entry("{}")).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(other));
}

#[test]
fn repair_writes_missing_lookup_hints_and_keeps_the_results_of_lookups() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let sessions: [SessionId; 3] =
        std::array::from_fn(|n| SessionId::from(Uuid::from_u128(n as u128 + 1)));
    let segments: Vec<_> = std::iter::repeat_with(SegmentId::new).take(20).collect();
    for session in sessions {
        for &segment in &segments {
            store.append(session, segment, &entry("{}")).unwrap();
        }
    }
    let hints = fixture.path(".session-store/hints");
    fs::remove_dir_all(&hints).unwrap();
    fs::create_dir(&hints).unwrap();
    let lookups = |store: &FsStore| -> Vec<_> {
        segments.iter().map(|&id| store.lookup_session_of(id).unwrap()).collect()
    };
    let before = lookups(&store);

    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].cause.contains("20"), "{found:?}");
    let repaired = repair(&store);
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    assert!(repaired[0].cause.contains("20"), "{repaired:?}");
    assert_eq!(check(&store), []);
    assert_eq!(repair(&store), []);

    assert_eq!(lookups(&store), before);
    assert_eq!(fs::read_dir(&hints).unwrap().count(), 20);
    store.delete_session(sessions[0]).unwrap();
    assert!(lookups(&store).iter().all(|&found| found == Some(sessions[1])));
}

#[test]
fn a_write_that_was_torn_after_a_truncation_is_not_an_interrupted_truncation() {
    let fixture = Fixture::new();
    let store = fixture.open();
    (0..3).for_each(|_| fixture.append(&store, "{}"));
    store.truncate(fixture.session, fixture.segment, 2).unwrap();
    fs::write(fixture.log(), "{}\n{}\n{\"torn").unwrap();
    let found = check(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].cause.contains("incomplete entry"), "{found:?}");
}

#[test]
fn checking_another_programs_directory_writes_nothing() {
    let fixture = Fixture::holding("{}\n");
    let store = fixture.open();
    assert_eq!(check(&store).len(), 1);
    assert!(!fixture.path(".session-store").exists());
    repair(&store);
    assert_eq!(check(&store), []);
    assert_eq!(store.read_all(fixture.session, fixture.segment).unwrap(), [entry("{}")]);
    fixture.append(&store, "{\"n\":1}");
    assert_eq!(
        store.read_page(fixture.session, fixture.segment, 1, 9).unwrap().entries,
        numbered([1])
    );
}

/// Each case has a log with bad lines, the log after the repair, and the texts that were moved out
/// of it.
#[rstest]
#[case::bad_line("{\"a\":1}\ngarbage\n{\"b\":2}\n", "{\"a\":1}\n{\"b\":2}\n", &["garbage\n"])]
#[case::half_a_line("{\"a\":\n{}\n", "{}\n", &["{\"a\":\n"])]
#[case::several("x\n{}\ny\n", "{}\n", &["x\n", "y\n"])]
#[case::together("{}\nx\ny\n", "{}\n", &["x\n", "y\n"])]
#[case::glued("{\"a\":1}{\"b\":2}\n{}\n", "{\"a\":1}\n{\"b\":2}\n{}\n", &[])]
#[case::glued_at_the_end("{}\n{\"a\":1}{\"b\":2}", "{}\n{\"a\":1}\n{\"b\":2}\n", &[])]
#[case::interrupted_cut("{}\n\0\0\0\n{\"old\":1}\n", "{}\n", &["\0\0\0\n{\"old\":1}\n"])]
#[case::blank_lines("{}\r\n\nx\n", "{}\r\n\n", &["x\n"])]
#[case::torn_tail("x\n{}\n{\"torn", "{}\n", &["x\n", "{\"torn"])]
fn a_repair_moves_bad_lines_out_of_a_log(
    #[case] log: &str,
    #[case] repaired: &str,
    #[case] moved: &[&str],
) {
    let fixture = Fixture::holding(log);
    let store = fixture.open();
    let (session, segment) = (fixture.session, fixture.segment);
    let before = store.head(session, segment).unwrap();
    assert!(store.read_all(session, segment).is_err());

    assert!(repair(&store).iter().any(|repair| repair.place.ends_with(".jsonl")));
    assert_eq!(fs::read_to_string(fixture.log()).unwrap(), repaired);
    let mut found: Vec<_> = match fs::read_dir(fixture.path(".session-store/torn")) {
        Ok(files) => files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect(),
        Err(_) => Vec::new(),
    };
    found.sort_unstable();
    let mut expected: Vec<_> = moved.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);

    // Handles that were open before the repair read the repaired log.
    let entries = store.read_all(session, segment).unwrap();
    assert_eq!(entries.len(), repaired.matches('{').count());
    assert_ne!(store.head(session, segment).unwrap(), before);
    let conflict = store.append_if(session, segment, before, &[entry("{}")]).unwrap_err();
    assert!(conflict.is_conflict(), "{conflict}");
    fixture.append(&store, "{}");
    assert_eq!(store.read_entry_count(session, segment).unwrap(), entries.len() + 1);
    assert_eq!(repair(&store), [], "a second repair changes nothing");
}

/// The entries after the NULs were readable, and the last one was acknowledged. So the error and
/// the repair say that entries are among the moved lines.
#[test]
fn the_entries_in_the_rest_of_a_truncation_are_reported() {
    let rest = "\0\0\0\n{\"old\":1}\n\n{\"a\":1}{\"b\":2}\nbad\n";
    let fixture = Fixture::holding(format!("{{}}\nworse\n{rest}"));
    let store = fixture.open();
    let (session, segment) = (fixture.session, fixture.segment);
    fixture.append(&store, "{\"new\":1}");
    assert_eq!(store.read_page(session, segment, 3, 9).unwrap().entries, [entry("{\"old\":1}")]);
    let error = store.read_page(session, segment, 2, 9).unwrap_err().to_string();
    assert!(error.contains("moves this line and the later lines (4) out of the log"), "{error}");

    // The first repair writes the lookup hint.
    let causes: Vec<_> = repair(&store).into_iter().map(|repair| repair.cause).collect();
    assert_eq!(
        causes[1..],
        [
            "moved 6 bytes that are not entries to .session-store/torn",
            "moved the rest of an interrupted truncation, which begins with NUL, to \
             .session-store/torn: 44 bytes, which include 4 entries",
        ]
    );
    assert_eq!(store.read_all(session, segment).unwrap(), [entry("{}")]);
    let notes = check(&store);
    assert_eq!(notes.len(), 2, "{notes:?}");
    for note in notes {
        assert!(note.cause.contains("the rest of an interrupted truncation"), "{note:?}");
    }
}

#[test]
fn a_repair_moves_bad_lines_out_of_a_trace() {
    let fixture = Fixture::holding("{}\n");
    let store = fixture.open();
    let path = fixture.log().with_extension("trace.jsonl");
    fs::write(&path, "{\"a\":1}\nbad\n").unwrap();
    let head = store.head(fixture.session, fixture.segment).unwrap();
    repair(&store);
    assert_eq!(fs::read_to_string(path).unwrap(), "{\"a\":1}\n");
    assert_eq!(store.head(fixture.session, fixture.segment).unwrap(), head);
}
