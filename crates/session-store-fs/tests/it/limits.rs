//! Writes that the system cuts short: a full disk, stood in for by a limit on file size (A5). Each runs in a
//! process of its own, since the limit holds for a whole process.

use std::fs;
use std::process::Command;

use session_store_core::{Store, StoreError};
use session_store_fs::FsStore;

use crate::{Fixture, entry, numbered};

/// Where the child finds its store.
const ROOT: &str = "SESSION_STORE_FS_LIMITED";

/// Runs a test of this file again as a child that can write no file beyond `blocks` of 512 bytes, and gets
/// an error for it instead of a signal.
fn limited(test: &str, blocks: usize, fixture: &Fixture) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored"])
        .env(
            ROOT,
            format!("{} {} {}", fixture.folder.path().display(), fixture.session, fixture.segment),
        )
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a child: its store and ids.
fn inherited() -> Fixture {
    let inherited = std::env::var(ROOT).expect("only another test runs this one, with a job to do");
    let parts: Vec<_> = inherited.split(' ').collect();
    let [root, session, segment] = parts[..] else { panic!("{inherited}") };
    let folder = tempfile::Builder::new().disable_cleanup(true).tempdir_in(root).unwrap();
    fs::remove_dir(folder.path()).unwrap();
    Fixture { folder, session: session.parse().unwrap(), segment: segment.parse().unwrap() }
}

fn parent_store(fixture: &Fixture) -> FsStore {
    FsStore::open(fixture.folder.path().parent().unwrap()).unwrap()
}

#[test]
fn what_does_not_fit_is_taken_back() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.append_all(fixture.session, fixture.segment, &numbered(0..60)).unwrap();
    let before = fixture.bytes();
    limited("limits::child_whose_writes_are_cut_short", 2, &fixture);
    assert_eq!(fixture.bytes(), before.clone() + "{\"fits\":1}\n");
    fixture.append(&store, "{\"room\":2}");
    assert_eq!(fixture.count(&store), 62);
    assert_eq!(fixture.bytes(), before + "{\"fits\":1}\n{\"room\":2}\n");
}

#[test]
#[ignore = "run by what_does_not_fit_is_taken_back"]
fn child_whose_writes_are_cut_short() {
    let fixture = inherited();
    let store = parent_store(&fixture);
    let (session, segment) = (fixture.session, fixture.segment);
    let long = entry(&format!("{{\"x\":\"{}\"}}", "y".repeat(1_000)));
    for _ in 0..2 {
        let error = store.append(session, segment, &long).unwrap_err();
        assert!(matches!(&error, StoreError::Io(_)) && !error.is_indeterminate(), "{error:?}");
        assert!(error.to_string().contains(&segment.to_string()), "{error}");
    }
    let head = store.head(session, segment).unwrap();
    assert!(store.append_if(session, segment, head, std::slice::from_ref(&long)).is_err());
    assert_eq!(store.head(session, segment).unwrap(), head, "what failed can be repeated");
    let error =
        store.append_all(session, segment, &[numbered([1])[0].clone(), long.clone()]).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error:?}");
    assert!(store.create_segment(session, segment, &[long.clone(), long]).is_err());
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 60);
    store.append(session, segment, &entry("{\"fits\":1}")).unwrap();
}

#[test]
fn a_first_entry_that_does_not_fit_leaves_nothing() {
    let fixture = Fixture::new();
    limited("limits::child_whose_first_write_is_cut_short", 2, &fixture);
    assert_eq!(fixture.open().list_sessions().unwrap(), []);
    assert!(!fixture.log().parent().unwrap().exists());
}

#[test]
#[ignore = "run by a_first_entry_that_does_not_fit_leaves_nothing"]
fn child_whose_first_write_is_cut_short() {
    let fixture = inherited();
    let store = parent_store(&fixture);
    let long = entry(&format!("{{\"x\":\"{}\"}}", "y".repeat(2_000)));
    assert!(store.append(fixture.session, fixture.segment, &long).is_err());
    assert!(!store.exists(fixture.session, fixture.segment).unwrap());
}

#[test]
fn an_entry_that_lacks_only_its_newline_is_acknowledged() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let filler = entry(&format!("{{\"x\":\"{}\"}}", "y".repeat(1_024 - 9 - 8)));
    store.append(fixture.session, fixture.segment, &filler).unwrap();
    assert_eq!(fixture.bytes().len(), 1_024 - 8);
    limited("limits::child_without_room_for_a_newline", 2, &fixture);
    assert_eq!(fixture.bytes().len(), 1_024);
    assert_eq!(fixture.count(&store), 2);
    fixture.append(&store, "{}");
    assert!(fixture.bytes().ends_with("\n{\"n\":12}\n{}\n"), "{}", fixture.bytes());
}

#[test]
#[ignore = "run by an_entry_that_lacks_only_its_newline_is_acknowledged"]
fn child_without_room_for_a_newline() {
    let fixture = inherited();
    let store = parent_store(&fixture);
    store.append(fixture.session, fixture.segment, &entry("{\"n\":12}")).unwrap();
    assert_eq!(fixture.count(&store), 2);
    assert!(store.append(fixture.session, fixture.segment, &entry("{}")).is_err());
    assert_eq!(fixture.count(&store), 2);
}
