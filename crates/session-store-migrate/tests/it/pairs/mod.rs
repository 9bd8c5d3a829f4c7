//! Tests of copies and restores from every backend to every backend.

mod contents;
mod place;

use std::io::Cursor;
use std::path::Path;

use rstest::rstest;
use session_store_core::{LogEntry, Store, StoreExt, TraceEntry};
use session_store_migrate::backup::Backup;
use test_servers::Backend::{self, Fs, Memory, Postgres, Redis, Sqlite};

use crate::backup::backup_of;
use crate::{entries, migrate};
use contents::{populate, populate_from_logs};
use place::Place;

/// Returns everything that can be read from a store.
fn content(store: &dyn Store) -> Vec<String> {
    let mut content = Vec::new();
    for session in store.list_sessions().unwrap() {
        for segment in store.list_segments(session).unwrap() {
            content.push(format!("{session} {segment}"));
            let log = store.read_all(session, segment).unwrap();
            content.extend(log.iter().map(LogEntry::as_json).map(str::to_owned));
            let trace: Result<Vec<TraceEntry>, _> =
                store.trace_entries(session, segment, 0).collect();
            content.extend(trace.unwrap().iter().map(|entry| format!("trace {}", entry.as_json())));
        }
    }
    let pods = store.pods().unwrap();
    for name in pods.list_pods().unwrap() {
        content.push(format!("pod {name} {}", pods.read_pod(&name).unwrap().unwrap().as_json()));
    }
    content
}

/// Panics if two stores differ, without printing their content.
#[track_caller]
fn assert_same(source: &dyn Store, destination: &dyn Store) {
    let (source, destination) = (content(source), content(destination));
    let differs = source.iter().zip(&destination).position(|(a, b)| a != b);
    assert_eq!((differs, source.len()), (None, destination.len()));
}

#[rstest]
fn a_migrated_store_has_the_same_content(
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] from: Backend,
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] to: Backend,
) {
    let (from, to) = (Place::new(from), Place::new(to));
    populate(&from.open());
    let before = content(&from.open());
    let report = migrate(&from.open(), &to.open());
    assert!(report.is_complete(), "{report:?}");
    assert_same(&from.open(), &to.open());
    assert!(content(&from.open()) == before, "the source is only read");

    assert_eq!(migrate(&from.open(), &to.open()).entries_copied(), 0);
    let store = from.open();
    let session = store.list_sessions().unwrap()[1];
    let segment = store.list_segments(session).unwrap()[0];
    store.append_all(session, segment, &entries(&["{}", r#"{"late":1}"#])).unwrap();
    assert_eq!(migrate(&from.open(), &to.open()).entries_copied(), 2);
    assert_same(&from.open(), &to.open());
}

#[rstest]
fn migrated_logs_have_the_same_content(
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] from: Backend,
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] to: Backend,
) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/logs");
    assert_logs_are_identical(from, to, &fixtures);
}

#[rstest]
#[ignore = "needs real logs: cargo xtask test --corpus DIR"]
fn migrated_corpus_has_the_same_content(
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] from: Backend,
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] to: Backend,
) {
    let folder = std::env::var_os("SESSION_STORE_CORPUS");
    let folder = folder.expect("SESSION_STORE_CORPUS must name the folder of real logs");
    assert_logs_are_identical(from, to, Path::new(&folder));
}

fn assert_logs_are_identical(from: Backend, to: Backend, folder: &Path) {
    let (from, to) = (Place::new(from), Place::new(to));
    populate_from_logs(&from.open(), folder);
    let report = migrate(&from.open(), &to.open());
    assert!(report.is_complete(), "{report:?}");
    assert_same(&from.open(), &to.open());
}

#[rstest]
fn a_restored_backup_has_the_same_content(
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] from: Backend,
    #[values(Memory, Fs, Sqlite, Redis, Postgres)] to: Backend,
) {
    let (from, to) = (Place::new(from), Place::new(to));
    populate(&from.open());
    let file = backup_of(&from.open());
    let backup = Backup::open(Cursor::new(file), &mut |_| {}).unwrap();
    let report = migrate(&backup, &to.open());
    assert!(report.is_complete(), "{report:?}");
    assert_same(&from.open(), &to.open());
}
