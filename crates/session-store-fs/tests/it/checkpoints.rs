//! Tests of checkpoints. A new handle starts its scan of a long log at a checkpoint, and ignores a
//! checkpoint that does not fit the log.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::PathBuf;

use rstest::rstest;
use session_store_core::{LogEntry, Maintenance, Severity, Store, StoreError};
use session_store_fs::FsStore;

use crate::pages::bytes_read;
use crate::{Fixture, entry};

/// The number of bytes by which a log grows before the next checkpoint.
const EVERY: usize = 1 << 20;

/// The number of entries of a log of 4 MiB.
const ENTRIES: usize = 4_000;

/// Returns entries of about 1 KiB. Their lengths differ, so no two parts of the log are equal.
fn entries(numbers: std::ops::Range<usize>) -> Vec<LogEntry> {
    let text = |n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(1_000 + n % 101));
    numbers.map(|n| entry(&text(n))).collect()
}

/// Returns a store with a log of 4 MiB that has a checkpoint near its end.
fn checkpointed() -> Fixture {
    let fixture = Fixture::new();
    let (store, log) = (fixture.open(), entries(0..ENTRIES));
    let (last, first) = log.split_last().unwrap();
    store.create_segment(fixture.session, fixture.segment, first).unwrap();
    store.append(fixture.session, fixture.segment, last).unwrap();
    assert!(checkpoint(&fixture).exists());
    fixture
}

fn checkpoint(fixture: &Fixture) -> PathBuf {
    let Fixture { session, segment, .. } = fixture;
    fixture.path(&format!(".session-store/checkpoints/{session}.{segment}"))
}

fn epoch(fixture: &Fixture) -> PathBuf {
    fixture.path(&format!(".session-store/epochs/{}.{}", fixture.session, fixture.segment))
}

/// Checks that a new handle sees the log as it is, and that the next append works.
fn assert_counts_are_right(fixture: &Fixture) {
    let lines = fs::read(fixture.log()).unwrap();
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(fixture.count(&fixture.open()), lines);
    assert_eq!(fixture.texts(&fixture.open()).len(), lines);
    fixture.append(&fixture.open(), "{}");
    assert_eq!(fixture.count(&fixture.open()), lines + 1);
    assert_eq!(fixture.texts(&fixture.open()).last().unwrap(), "{}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_new_handle_reads_a_long_log_from_its_checkpoint() {
    let fixture = checkpointed();
    let (count, read) = bytes_read(|| fixture.count(&fixture.open()));
    assert_eq!(count, ENTRIES);
    assert!(read < 100_000, "{read} bytes");
    let ((), read) = bytes_read(|| fixture.append(&fixture.open(), "{}"));
    assert!(read < 100_000, "{read} bytes");
    assert_counts_are_right(&fixture);
}

#[test]
fn a_checkpoint_is_stored_once_for_each_mebibyte() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let (mut stored, mut last) = (0, Vec::new());
    for entry in entries(0..ENTRIES) {
        store.append(fixture.session, fixture.segment, &entry).unwrap();
        let now = fs::read(checkpoint(&fixture)).unwrap_or_default();
        stored += usize::from(now != last);
        last = now;
    }
    let bytes = usize::try_from(fs::metadata(fixture.log()).unwrap().len()).unwrap();
    assert_eq!(stored, bytes / EVERY);
    assert_counts_are_right(&fixture);
}

#[test]
fn reading_stores_and_deletes_no_checkpoint() {
    let fixture = checkpointed();
    fs::remove_file(checkpoint(&fixture)).unwrap();
    assert_eq!(fixture.count(&fixture.open()), ENTRIES);
    assert!(!checkpoint(&fixture).exists());
    fs::write(checkpoint(&fixture), "wrong").unwrap();
    assert_eq!(fixture.count(&fixture.open()), ENTRIES);
    assert!(fixture.open().truncate(fixture.session, fixture.segment, usize::MAX).is_err());
    assert_eq!(fs::read(checkpoint(&fixture)).unwrap(), b"wrong");
}

/// A change that another program makes to the log or to a file beside it. The checkpoint is then
/// wrong.
type Change = fn(&Fixture);

#[rstest]
#[case::empty(|fixture: &Fixture| fs::write(checkpoint(fixture), "").unwrap())]
#[case::nuls(|fixture: &Fixture| fs::write(checkpoint(fixture), [0; 130]).unwrap())]
#[case::invalid_utf8(|fixture: &Fixture| fs::write(checkpoint(fixture), [0xff; 130]).unwrap())]
#[case::half(|fixture: &Fixture| {
    let bytes = fs::read(checkpoint(fixture)).unwrap();
    fs::write(checkpoint(fixture), &bytes[..bytes.len() / 2]).unwrap();
})]
#[case::link(|fixture: &Fixture| {
    fs::rename(checkpoint(fixture), fixture.path("elsewhere")).unwrap();
    symlink(fixture.path("elsewhere"), checkpoint(fixture)).unwrap();
})]
#[case::of_another_log(|fixture: &Fixture| {
    let other = checkpointed();
    fs::copy(checkpoint(&other), checkpoint(fixture)).unwrap();
})]
#[case::epoch_deleted(|fixture: &Fixture| fs::remove_file(epoch(fixture)).unwrap())]
#[case::epoch_changed(|fixture: &Fixture| {
    fs::write(epoch(fixture), format!("{:032x} {:016x}\n", 7, u64::MAX)).unwrap();
})]
#[case::shortened(|fixture: &Fixture| {
    let log = File::options().write(true).open(fixture.log()).unwrap();
    log.set_len(EVERY as u64).unwrap();
    log.set_len(fixture.bytes().rfind('\n').unwrap() as u64 + 1).unwrap();
})]
#[case::rewritten_in_place(|fixture: &Fixture| {
    let bytes = fixture.bytes().replacen('\n', "\n{}\n\n", 5);
    fs::write(fixture.log(), bytes).unwrap();
})]
#[case::replaced(|fixture: &Fixture| {
    // Only the inode shows this replacement.
    let copy = fixture.path("copy");
    fs::copy(fixture.log(), &copy).unwrap();
    fs::rename(copy, fixture.log()).unwrap();
    split_a_line(fixture);
})]
#[case::lost_data(|fixture: &Fixture| {
    // A power cut can leave NULs in the place of data that was not synced.
    let log = File::options().write(true).open(fixture.log()).unwrap();
    let len = log.metadata().unwrap().len();
    log.set_len(len - 5_000).unwrap();
    log.set_len(fixture.bytes().rfind('\n').unwrap() as u64 + 1).unwrap();
})]
fn a_wrong_checkpoint_is_ignored_and_then_deleted(#[case] change: Change) {
    let fixture = checkpointed();
    change(&fixture);
    let wrong = fs::read(checkpoint(&fixture)).ok();
    assert_counts_are_right(&fixture);
    let now = fs::read(checkpoint(&fixture)).ok();
    assert!(now.is_none() || now != wrong);
    assert!(!checkpoint(&fixture).is_symlink());
    assert_counts_are_right(&fixture);
}

#[test]
fn every_damaged_byte_of_a_checkpoint_is_noticed() {
    let fixture = checkpointed();
    let sound = fs::read(checkpoint(&fixture)).unwrap();
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] = if damaged[at] == b'0' { b'1' } else { b'0' };
        fs::write(checkpoint(&fixture), damaged).unwrap();
        assert_eq!(fixture.count(&fixture.open()), ENTRIES, "byte {at}");
    }
}

#[test]
fn an_old_copy_of_the_log_is_read_as_it_is() {
    let fixture = Fixture::new();
    let (store, log) = (fixture.open(), entries(0..ENTRIES));
    store.create_segment(fixture.session, fixture.segment, &log).unwrap();
    let old = fs::read(fixture.log()).unwrap();
    store.truncate(fixture.session, fixture.segment, 10).unwrap();
    store.append_all(fixture.session, fixture.segment, &entries(5_000..8_000)).unwrap();
    fixture.append(&store, "{}");
    assert!(checkpoint(&fixture).exists());
    drop(store);
    // In place, so the inode does not change.
    fs::write(fixture.log(), old).unwrap();
    assert_counts_are_right(&fixture);
}

#[test]
fn a_log_that_another_handle_cut_and_extended_is_counted_again() {
    let fixture = checkpointed();
    let [one, other] = [fixture.open(), fixture.open()];
    assert_eq!(fixture.count(&one), ENTRIES);
    other.truncate(fixture.session, fixture.segment, 3).unwrap();
    for handle in [&one, &fixture.open()] {
        assert_eq!(fixture.count(handle), 3);
    }
    other.append_all(fixture.session, fixture.segment, &entries(10_000..14_500)).unwrap();
    fixture.append(&one, "{}");
    for handle in [&one, &other, &fixture.open()] {
        assert_eq!(fixture.count(handle), 4_504);
        assert_eq!(fixture.texts(handle).len(), 4_504);
    }
}

#[test]
fn pages_and_truncations_before_the_checkpoint_are_those_of_the_whole_log() {
    let fixture = checkpointed();
    let log = entries(0..ENTRIES);
    let Fixture { session, segment, .. } = fixture;
    for start in [0, 1, 17, ENTRIES / 2, ENTRIES - 1, ENTRIES] {
        let store = fixture.open();
        for start in [start, start / 3] {
            let page = store.read_page(session, segment, start, 5_000).unwrap();
            assert_eq!(page.entries, log[start..ENTRIES.min(start + page.entries.len())]);
            assert_eq!((page.entries.is_empty(), page.head.entries()), (start == ENTRIES, ENTRIES));
        }
    }
    fixture.open().truncate(session, segment, 17).unwrap();
    assert_eq!(fixture.open().read_all(session, segment).unwrap(), log[..17]);
}

#[test]
fn a_bad_line_after_the_checkpoint_has_its_number_in_the_log() {
    let fixture = checkpointed();
    let mut log = File::options().append(true).open(fixture.log()).unwrap();
    log.write_all(b"\nbad\n").unwrap();
    let Fixture { session, segment, .. } = fixture;
    let error = fixture.open().read_page(session, segment, ENTRIES, 1).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { line, .. } if line == ENTRIES + 2), "{error:?}");
}

#[test]
fn a_last_line_with_nuls_is_torn_also_after_a_checkpoint() {
    let fixture = Fixture::new();
    let (store, log) = (fixture.open(), entries(0..2_000));
    store.create_segment(fixture.session, fixture.segment, &log).unwrap();
    // The line is longer than the part of the log that the hash of a checkpoint covers.
    let long = entry(&format!("{{\"x\":\"{}\"}}", "x".repeat(20_000)));
    store.append(fixture.session, fixture.segment, &long).unwrap();
    fixture.append(&store, "{}");
    let start = fs::metadata(fixture.log()).unwrap().len() - 20_013;
    drop(store);
    // A power cut lost the last entry, and a block of the entry before it.
    let file = File::options().write(true).open(fixture.log()).unwrap();
    file.set_len(start + 20_010).unwrap();
    file.write_all_at(&[0; 512], start + 1_000).unwrap();
    for store in [fixture.open(), fixture.open()] {
        assert_eq!(fixture.texts(&store).len(), 2_000);
        assert_eq!(fixture.count(&store), 2_000);
    }
    assert_counts_of_repaired(&fixture);
}

fn assert_counts_of_repaired(fixture: &Fixture) {
    fixture.append(&fixture.open(), "{}");
    assert_eq!(fixture.texts(&fixture.open()).len(), 2_001);
    assert_eq!(fixture.count(&fixture.open()), 2_001);
}

/// Lets another program split an early line of the log in place. The length of the log does not
/// change, and the bytes right before the checkpoint do not change.
fn split_a_line(fixture: &Fixture) {
    let at = fixture.bytes().find("{\"n\":7,\"x\":\"").unwrap() as u64;
    let log = File::options().write(true).open(fixture.log()).unwrap();
    log.write_all_at(b"{}\n{    \"\":\"", at).unwrap();
}

fn faults(store: &FsStore) -> Vec<String> {
    let mut faults = Vec::new();
    let mut report = |finding: session_store_core::Finding| {
        faults.extend((finding.severity == Severity::Fault).then(|| finding.to_string()));
    };
    store.check(&mut report).unwrap();
    faults
}

#[test]
fn a_truncation_does_not_trust_a_checkpoint() {
    let fixture = checkpointed();
    split_a_line(&fixture);
    fixture.open().truncate(fixture.session, fixture.segment, ENTRIES).unwrap();
    assert_eq!(fixture.count(&fixture.open()), ENTRIES);
    assert_eq!(fixture.texts(&fixture.open()).len(), ENTRIES);
}

#[test]
fn a_check_finds_a_checkpoint_with_wrong_counts_and_a_repair_deletes_it() {
    let fixture = checkpointed();
    assert_eq!(faults(&fixture.open()), [""; 0]);
    split_a_line(&fixture);
    let store = fixture.open();
    let head = store.head(fixture.session, fixture.segment).unwrap();
    let found = faults(&store);
    assert!(found.len() == 1 && found[0].contains("changed the log in place"), "{found:?}");
    fixture.open().repair(&mut |_| ()).unwrap();
    assert_eq!(faults(&store), [""; 0]);
    assert_ne!(store.head(fixture.session, fixture.segment).unwrap(), head);
    for store in [store, fixture.open()] {
        assert_eq!(fixture.count(&store), ENTRIES + 1);
    }
    assert_counts_are_right(&fixture);
}
