//! Tests of symbolic links, FIFOs and devices in the directory of a store
//! ([S9](session_store_core::contract#s9)).

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use rstest::rstest;
use session_store_core::{Pod, PodStore, Severity, Store, StoreError, TraceEntry};
use session_store_fs::FsStore;
use test_deadlines::DEADLINE;

use crate::{Fixture, entry};

/// Returns a store with a segment, its trace and a pod.
fn filled() -> Fixture {
    let fixture = Fixture::new();
    let store = fixture.open();
    fixture.append(&store, "{}");
    store.append_trace(fixture.session, fixture.segment, &trace()).unwrap();
    store.put_pod(&"pod".parse().unwrap(), &Pod::new(fixture.session, None)).unwrap();
    fixture
}

fn trace() -> TraceEntry {
    TraceEntry::from_json("{}").unwrap()
}

/// Makes every kind of call, and returns how many failed.
fn failures(fixture: &Fixture, store: &FsStore) -> usize {
    let (session, segment) = (fixture.session, fixture.segment);
    let pod = "pod".parse().unwrap();
    [
        store.exists(session, segment).err(),
        store.read_all(session, segment).err(),
        store.head(session, segment).err(),
        store.read_trace_page(session, segment, 0, 9).err(),
        store.read_pod(&pod).err(),
        store.append(session, segment, &entry("{\"n\":1}")).err(),
        store.append_trace(session, segment, &trace()).err(),
        store.truncate(session, segment, 0).err(),
        store.create_segment(session, segment, &[]).err(),
        store.put_pod(&pod, &Pod::new(session, None)).err(),
        store.delete_pod(&pod).err(),
        store.delete_segment(session, segment).err(),
    ]
    .into_iter()
    .flatten()
    .count()
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[rstest]
#[case::session("{session}")]
#[case::log("{session}/{segment}.jsonl")]
#[case::trace("{session}/{segment}.trace.jsonl")]
#[case::pods("pods")]
#[case::pod("pods/pod")]
#[case::pod_file("pods/pod/metadata.json")]
#[case::sidecar(".session-store")]
#[case::format(".session-store/format")]
#[case::locks(".session-store/locks")]
#[case::epochs(".session-store/epochs")]
#[case::temporary(".session-store/tmp")]
fn no_call_follows_a_link(#[case] place: &str) {
    let fixture = filled();
    let place = place
        .replace("{session}", &fixture.session.to_string())
        .replace("{segment}", &fixture.segment.to_string());
    let place = fixture.path(&place);
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    fs::rename(&place, &target).unwrap();
    symlink(&target, &place).unwrap();
    let before = contents(outside.path());

    if let Ok(store) = FsStore::open(fixture.folder.path()) {
        assert!(failures(&fixture, &store) > 0, "a link was followed");
    }
    assert_eq!(contents(outside.path()), before, "the target of a link was changed");
}

#[test]
fn listings_leave_links_out_and_a_check_reports_them() {
    let (fixture, other) = (filled(), filled());
    let store = other.open();
    let session = fixture.path(&fixture.session.to_string());
    symlink(&session, other.path(&fixture.session.to_string())).unwrap();
    let segment = format!("{}/{}.jsonl", other.session, fixture.segment);
    symlink(fixture.log(), other.path(&segment)).unwrap();
    let trace = format!("{}/{}.trace.jsonl", other.session, fixture.segment);
    fs::write(other.path(&trace), "{}\n").unwrap();
    symlink(fixture.path("pods/pod"), other.path("pods/linked")).unwrap();

    assert_eq!(store.list_sessions().unwrap(), [other.session]);
    assert_eq!(store.list_segments(other.session).unwrap(), [other.segment]);
    assert_eq!(store.list_pods().unwrap(), ["pod".parse().unwrap()]);
    let mut found = Vec::new();
    store.maintenance().unwrap().check(&mut |finding| found.push(finding)).unwrap();
    let faults: Vec<_> =
        found.iter().filter(|finding| finding.severity == Severity::Fault).collect();
    assert_eq!(faults.len(), 3, "{found:?}");
    assert!(faults.iter().all(|fault| fault.cause.contains("symbolic link")), "{faults:?}");
    let error = store.read_all(other.session, fixture.segment).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[rstest]
#[case::log("{session}/{segment}.jsonl")]
#[case::trace("{session}/{segment}.trace.jsonl")]
#[case::pod_file("pods/pod/metadata.json")]
#[case::format(".session-store/format")]
#[case::lock(".session-store/locks/pods")]
#[case::epoch(".session-store/epochs/{session}.{segment}")]
fn a_fifo_blocks_no_call(#[case] place: &str) {
    let fixture = filled();
    let place = place
        .replace("{session}", &fixture.session.to_string())
        .replace("{segment}", &fixture.segment.to_string());
    let place = fixture.path(&place);
    fs::remove_file(&place).unwrap();
    assert!(Command::new("mkfifo").arg(&place).status().unwrap().success());

    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        if let Ok(store) = FsStore::open(fixture.folder.path()) {
            failures(&fixture, &store);
        }
        let _ = done.send(());
    });
    waiting.recv_timeout(DEADLINE).expect("no call waits for the other end of the FIFO");
}

#[test]
fn a_long_format_file_is_not_read_to_its_end() {
    let fixture = filled();
    let format = File::create(fixture.path(".session-store/format")).unwrap();
    format.set_len(1 << 40).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&format, b"{", 0).unwrap();
    let error = FsStore::open(fixture.folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
}

/// Another program swaps the folder of the session with a link while calls change the session. The
/// link leads to a folder with files of the same names.
#[cfg(target_os = "linux")]
#[test]
fn no_change_follows_a_link_that_appears_during_the_call() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use session_store_core::StoreExt;

    const REPLACEMENTS: usize = 200;
    let fixture = filled();
    let (store, key) = (fixture.open(), fixture.key());
    let (session, link) = (fixture.path(&fixture.session.to_string()), fixture.path("link"));
    let outside = tempfile::tempdir().unwrap();
    for suffix in ["jsonl", "trace.jsonl"] {
        let path = outside.path().join(format!("{}.{suffix}", fixture.segment));
        fs::write(path, "{}\n{}\n").unwrap();
    }
    symlink(outside.path(), &link).unwrap();
    let before = contents(outside.path());

    let (done, started) = (AtomicBool::default(), Instant::now());
    let swap = || {
        while !done.load(Ordering::Relaxed) {
            // A deletion can have removed the folder.
            let _ = renameat_with(CWD, &session, CWD, &link, RenameFlags::EXCHANGE);
        }
    };
    let replace = || {
        let mut replaced = 0;
        while replaced < REPLACEMENTS && started.elapsed() < DEADLINE {
            replaced += usize::from(store.at(key).create(&[entry("{}")]).is_ok());
            // These calls fail if they find the link.
            let _ = store.at(key).append(&entry("{}"));
            let _ = store.at(key).append_trace(&trace());
            let _ = store.at(key).truncate(1);
            if replaced % 4 == 0 {
                let _ = store.at(key).delete();
            }
        }
        done.store(true, Ordering::Relaxed);
        replaced
    };
    let replaced = thread::scope(|scope| {
        scope.spawn(swap);
        replace()
    });
    assert_eq!(contents(outside.path()), before, "a link was followed");
    assert_eq!(replaced, REPLACEMENTS);
}
