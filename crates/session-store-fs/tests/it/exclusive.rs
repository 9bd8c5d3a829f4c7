//! Tests of exclusive handles: which other handles they exclude, and what these handles read
//! ([S11](session_store_core::contract#s11)).

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::process::Stdio;

use rstest::rstest;
use session_store_core::{
    Capability, Maintenance, Pod, PodStore, Store, StoreError, StoreExt, TraceEntry,
};
use session_store_fs::{FsOptions, FsStore};
use test_deadlines::{Process, child_test};

use crate::limits::{inherited, limited};
use crate::{Fixture, entry, numbered};

fn open(root: &Path) -> Result<FsStore, StoreError> {
    FsOptions::new().create(true).exclusive(true).open(root)
}

impl Fixture {
    fn open_exclusively(&self) -> FsStore {
        open(self.folder.path()).unwrap()
    }
}

/// Checks that the call was refused because of the handle of this process.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(fixture: &Fixture, result: Result<T, StoreError>) {
    assert_refused_by(fixture, result, std::process::id());
}

#[track_caller]
fn assert_refused_by<T: std::fmt::Debug>(
    fixture: &Fixture,
    result: Result<T, StoreError>,
    process: u32,
) {
    let error = result.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let text = error.to_string();
    let parts = [fixture.folder.path().to_str().unwrap(), &format!("(process {process},"), "close"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let StoreError::Io(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
}

#[test]
fn every_change_of_another_handle_is_refused() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let owner = fixture.open_exclusively();
    let (name, pod) = ("agent".parse().unwrap(), Pod::new(session, Some(segment)));
    owner.append_all(session, segment, &numbered(0..3)).unwrap();
    owner.put_pod(&name, &pod).unwrap();
    let other = FsStore::open(fixture.folder.path()).unwrap();
    let log = other.segment(session, segment);
    let head = log.head().unwrap().unwrap();
    for _ in 0..2 {
        assert_refused(&fixture, log.append(&entry("{}")));
        assert_refused(&fixture, log.append_all(&numbered(3..5)));
        assert_refused(&fixture, log.append_if(Some(head), &numbered(3..4)));
        assert_refused(&fixture, log.append_trace(&TraceEntry::from_json("{}").unwrap()));
        assert_refused(&fixture, log.create(&[]));
        assert_refused(&fixture, log.truncate(1));
        assert_refused(&fixture, log.delete());
        assert_refused(&fixture, other.delete_session(session));
        assert_refused(&fixture, other.put_pod(&name, &pod));
        assert_refused(&fixture, other.delete_pod(&name));
        assert_refused(&fixture, other.repair(&mut |_| ()));
        assert_refused(&fixture, open(fixture.folder.path()));
    }
    assert_eq!(log.read_all().unwrap(), numbered(0..3));
    assert_eq!(other.list_sessions().unwrap(), [session]);
    assert_eq!(other.read_pod(&name).unwrap(), Some(pod));
    assert!(!owner.capabilities().has(Capability::MultiProcess));
    assert!(other.capabilities().has(Capability::MultiProcess));

    let clone = owner.clone();
    drop(owner);
    assert_refused(&fixture, log.append(&entry("{}")));
    drop(clone);
    log.append_all(&numbered(3..5)).unwrap();
    assert_eq!(log.read_all().unwrap(), numbered(0..5));
}

#[test]
fn a_handle_that_has_made_a_change_refuses_an_exclusive_one() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.open(), fixture.open());
    drop(fixture.open_exclusively());
    fixture.append(&writer, "{}");
    assert_eq!(fixture.count(&reader), 1);
    let clone = writer.clone();
    drop(writer);
    let error = open(fixture.folder.path()).unwrap_err();
    assert!(error.to_string().contains("has made changes is still open"), "{error}");
    assert!(error.is_transient(), "{error:?}");
    drop(clone);
    let owner = fixture.open_exclusively();
    fixture.append(&owner, "{}");
    assert_eq!(fixture.count(&reader), 2);
}

#[test]
fn an_exclusive_open_without_create_creates_nothing() {
    let fixture = Fixture::new();
    let error = FsOptions::new().exclusive(true).open(fixture.folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
    assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 0);
}

#[test]
fn another_programs_directory_opens_exclusively() {
    let fixture = Fixture::holding("{\"n\":0}\n{\"n\":1}");
    let owner = FsOptions::new().exclusive(true).open(fixture.folder.path()).unwrap();
    let reader = FsStore::open(fixture.folder.path()).unwrap();
    for n in 2..5 {
        fixture.append(&owner, &format!("{{\"n\":{n}}}"));
        assert_eq!(fixture.count(&reader), n + 1);
    }
    assert_eq!(reader.read_all(fixture.session, fixture.segment).unwrap(), numbered(0..5));
}

#[test]
fn a_killed_owner_leaves_no_lock() {
    let fixture = Fixture::new();
    let other = fixture.open();
    let mut command = child_test("exclusive::child_that_keeps_an_exclusive_handle", job(&fixture));
    let mut child = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("opened")));
    let append = || other.append(fixture.session, fixture.segment, &entry("{}"));
    assert_refused_by(&fixture, append(), child.id());
    assert_refused_by(&fixture, open(fixture.folder.path()), child.id());
    assert_eq!(fixture.count(&other), 1);
    child.kill();
    drop(fixture.open_exclusively());
    append().unwrap();
    assert_eq!(fixture.count(&other), 2);
}

fn job(fixture: &Fixture) -> String {
    format!("{} {} {}", fixture.folder.path().display(), fixture.session, fixture.segment)
}

#[test]
#[ignore = "run by a_killed_owner_leaves_no_lock"]
fn child_that_keeps_an_exclusive_handle() {
    let fixture = inherited();
    let owner = open(fixture.folder.path().parent().unwrap()).unwrap();
    fixture.append(&owner, "{}");
    println!("opened");
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// An exclusive handle appends without the file lock, so a reader can see each part of an append.
/// The test writes these parts itself.
#[rstest]
fn a_reader_ignores_an_append_that_is_half_done(#[values(false, true)] is_warm: bool) {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let owner = fixture.open_exclusively();
    fixture.append(&owner, "{\"n\":0}");
    let mut log = File::options().append(true).open(fixture.log()).unwrap();
    let warm = fixture.open();
    let fresh = || fixture.open();
    let line = "{\"a\":[{\"b\":\"}\"},\"é\"]}";
    for byte in line.as_bytes() {
        let reader = if is_warm { &warm } else { &fresh() };
        assert_eq!(reader.read_all(session, segment).unwrap(), numbered([0]));
        assert_eq!(fixture.count(reader), 1);
        assert_eq!(reader.segment_info(session, segment).unwrap().unwrap().bytes, Some(8));
        log.write_all(&[*byte]).unwrap();
    }
    let whole = [numbered([0]), vec![entry(line)]].concat();
    for newline in ["", "\n"] {
        log.write_all(newline.as_bytes()).unwrap();
        let reader = if is_warm { &warm } else { &fresh() };
        assert_eq!(reader.read_all(session, segment).unwrap(), whole);
        assert_eq!(fixture.count(reader), 2);
    }
}

#[test]
fn an_append_that_does_not_fit_is_undone() {
    let fixture = Fixture::new();
    fixture.open().append_all(fixture.session, fixture.segment, &numbered(0..60)).unwrap();
    let (before, reader) = (fixture.bytes(), fixture.open());
    let head = reader.head(fixture.session, fixture.segment).unwrap();
    limited("exclusive::child_whose_append_is_cut_short", 2, &fixture);
    assert_eq!(fixture.bytes(), before + "{\"fits\":1}\n");
    assert_eq!(fixture.count(&reader), 61);
    assert_ne!(reader.head(fixture.session, fixture.segment).unwrap(), head);
}

#[test]
#[ignore = "run by an_append_that_does_not_fit_is_undone"]
fn child_whose_append_is_cut_short() {
    let fixture = inherited();
    let root = fixture.folder.path().parent().unwrap();
    let (owner, reader) = (open(root).unwrap(), FsStore::open(root).unwrap());
    let log = owner.segment(fixture.session, fixture.segment);
    let head = log.head().unwrap();
    let long = entry(&format!("{{\"x\":\"{}\"}}", "y".repeat(1_000)));
    for _ in 0..3 {
        let error = log.append(&long).unwrap_err();
        assert!(matches!(&error, StoreError::Io(_)), "{error:?}");
        assert_eq!(log.head().unwrap(), head);
        assert_eq!(reader.head(fixture.session, fixture.segment).unwrap(), head);
    }
    log.append_if(head, &[entry("{\"fits\":1}")]).unwrap();
    assert!(log.append(&long).is_err());
    assert_eq!(log.read_entry_count().unwrap(), 61);
}

#[test]
fn bytes_of_another_program_are_noticed() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let owner = fixture.open_exclusively();
    (0..2).for_each(|n| fixture.append(&owner, &format!("{{\"n\":{n}}}")));
    let mut log = File::options().append(true).open(fixture.log()).unwrap();
    log.write_all(b"{\"other\":true}\n").unwrap();
    fixture.append(&owner, "{\"n\":2}");
    assert_eq!(fixture.count(&owner), 4);
    owner.truncate(session, segment, 3).unwrap();
    assert_eq!(fixture.bytes(), "{\"n\":0}\n{\"n\":1}\n{\"other\":true}\n");
}

#[rstest]
fn a_removed_or_replaced_mode_lock_is_noticed(#[values(false, true)] is_replaced: bool) {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let owner = fixture.open_exclusively();
    owner.append_all(session, segment, &numbered(0..3)).unwrap();
    let lock = fixture.path(".session-store/locks/mode");
    fs::remove_file(&lock).unwrap();
    if is_replaced {
        fs::write(&lock, "").unwrap();
    }
    for error in [
        owner.truncate(session, segment, 1).unwrap_err(),
        owner.append_all(session, segment, &numbered(3..5)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("open the store again"), "{error}");
        assert!(!error.is_transient(), "{error:?}");
    }
    assert_eq!(owner.read_all(session, segment).unwrap(), numbered(0..3));
}
