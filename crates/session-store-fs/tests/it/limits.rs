//! Tests of writes that fail half-way, as on a full disk.
//!
//! A failed change changes nothing ([A5](session_store_core::contract#a5)). Instead of filling a
//! disk, the tests set a limit on the size of a file. Each test runs in a separate process, because
//! the limit applies to the whole process.

use std::fs;
use std::process::Command;

use session_store_core::{Store, StoreError};
use session_store_fs::FsStore;
use test_deadlines::{Process, child_job, child_test_under};

use crate::{Fixture, entry, numbered};

/// Runs a test of this file as a child that cannot write a file beyond `blocks` of 512 bytes. A
/// write beyond this limit returns an error and raises no signal.
pub(crate) fn limited(test: &str, blocks: usize, fixture: &Fixture) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, "sh"]);
    let Fixture { folder, session, segment } = fixture;
    let job = format!("{} {session} {segment}", folder.path().display());
    let output = Process::output(&mut child_test_under(shell, test, job));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Returns the store and ids of a child.
pub(crate) fn inherited() -> Fixture {
    let inherited = child_job();
    let parts: Vec<_> = inherited.split(' ').collect();
    let [root, session, segment] = parts[..] else { panic!("{inherited}") };
    let folder = tempfile::Builder::new().disable_cleanup(true).tempdir_in(root).unwrap();
    fs::remove_dir(folder.path()).unwrap();
    Fixture { folder, session: session.parse().unwrap(), segment: segment.parse().unwrap() }
}

fn parent_store(fixture: &Fixture) -> FsStore {
    FsStore::open_or_create(fixture.folder.path().parent().unwrap()).unwrap()
}

#[test]
fn an_append_that_does_not_fit_is_undone() {
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
#[ignore = "run by an_append_that_does_not_fit_is_undone"]
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
    assert_eq!(
        store.head(session, segment).unwrap(),
        head,
        "a failed append can be repeated with the same head"
    );
    let error =
        store.append_all(session, segment, &[numbered([1])[0].clone(), long.clone()]).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error:?}");
    assert!(store.create_segment(session, segment, &[long.clone(), long]).is_err());
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 60);
    store.append(session, segment, &entry("{\"fits\":1}")).unwrap();
}

#[test]
fn a_batch_that_fits_in_part_is_undone_for_every_handle() {
    let fixture = Fixture::new();
    limited("limits::child_whose_batch_fits_in_part", 4 * 1024, &fixture);
    assert_eq!(fixture.count(&fixture.open()), 20_001);
}

#[test]
#[ignore = "run by a_batch_that_fits_in_part_is_undone_for_every_handle"]
fn child_whose_batch_fits_in_part() {
    let fixture = inherited();
    let (one, other) = (parent_store(&fixture), parent_store(&fixture));
    let (session, segment) = (fixture.session, fixture.segment);
    fixture.append(&one, "{}");
    // The first write of the batch fits under the limit, and the second write does not.
    let long = entry(&format!("{{\"x\":\"{}\"}}", "y".repeat(700_000)));
    let batch = vec![long; 4];
    let error = one.append_all(session, segment, &batch).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error:?}");
    // A power cut during the undo must not leave a part of the batch.
    let root = fixture.folder.path().parent().unwrap();
    let epoch = root.join(format!(".session-store/epochs/{session}.{segment}"));
    let mark = fs::read_to_string(epoch).unwrap();
    assert!(mark.ends_with(" 0000000000000003\n"), "the mark is where the batch began: {mark}");
    // The other handle makes the log longer than the first write of the batch did, and the new
    // lines start at other offsets.
    let text = format!("{{\"x\":\"{}\"}}", "z".repeat(80));
    other.append_all(session, segment, &vec![entry(&text); 20_000]).unwrap();
    assert_eq!(fixture.count(&one), 20_001);
    assert_eq!(fixture.texts(&one), fixture.texts(&other));
}

#[test]
fn a_first_entry_that_does_not_fit_creates_nothing() {
    let fixture = Fixture::new();
    limited("limits::child_whose_first_write_is_cut_short", 2, &fixture);
    assert_eq!(fixture.open().list_sessions().unwrap(), []);
    assert!(!fixture.log().parent().unwrap().exists());
}

#[test]
#[ignore = "run by a_first_entry_that_does_not_fit_creates_nothing"]
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
