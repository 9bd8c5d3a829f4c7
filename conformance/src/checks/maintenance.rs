//! Checks of section M of the contract (maintenance). The check and the repair of a storage change
//! no entry, and find no fault in a sound storage. A repair moves texts that are not entries out of
//! a log.

use std::fs;

use session_store_core::{
    Capability, Finding, LogEntry, Maintenance, Pages, SegmentKey, Severity, Store,
};

use super::handles::fill;
use super::head::must_conflict;
use super::tails::{with_tail, write_log};
use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq};
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{nth, numbered, unusual_entries};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;

fn maintenance(store: &RecordingStore) -> &dyn Maintenance {
    store.maintenance().expect("the check requires a store with maintenance")
}

/// Runs a check of the storage and returns its faults.
fn faults(store: &RecordingStore) -> Result<Vec<Finding>, CheckError> {
    let mut faults = Vec::new();
    let is_fault = |finding: &Finding| finding.severity >= Severity::Fault;
    maintenance(store).check(&mut |finding| faults.extend(Some(finding).filter(is_fault)))?;
    Ok(faults)
}

pub(crate) fn m1_a_sound_store_has_no_fault(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    ensure_eq(&faults(&store)?, &Vec::new(), "the faults of a fresh storage")?;
    fill(&store)?;
    ensure_eq(&faults(&store)?, &Vec::new(), "the faults of a sound storage")?;
    drop(store);
    ensure_eq(&faults(&run.open()?)?, &Vec::new(), "the faults through another handle")
}

pub(crate) fn m1_checking_changes_nothing(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    fill(&store)?;
    let before = Snapshot::of(&store)?;
    for store in [&store, &other] {
        faults(store)?;
        before.must_be_unchanged_in(store, "the storage after a check")?;
    }
    Ok(())
}

pub(crate) fn m1_checking_leaves_the_file(run: &Run<'_>) -> CheckResult {
    for tail in [&b"{\"n\":1}"[..], b"{\"n\":", b"\0\0", b"nonsense\n"] {
        let bytes = with_tail(tail);
        let key = write_log(run, &bytes)?;
        faults(&run.open()?)?;
        ensure_eq(&fs::read(run.log_file(key)?)?, &bytes, "the bytes of a log after a check")?;
    }
    Ok(())
}

pub(crate) fn m2_repairing_changes_nothing_sound(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    fill(&store)?;
    let before = Snapshot::of(&store)?;
    for _ in 0..2 {
        maintenance(&store).repair(&mut |_| ())?;
        before.must_be_unchanged_in(&store, "a sound storage after a repair")?;
    }
    let log = TestLog::with(&store, &numbered(0..2))?;
    log.must_hold(&numbered(0..2), "an append after a repair")
}

/// Reads all entries of a log, without the bad lines.
fn readable(store: &dyn Store, key: SegmentKey) -> Vec<LogEntry> {
    let pages = Pages::new(0).skip_bad_lines();
    TestLog::at(store, key).iterate(pages).filter_map(Result::ok).collect()
}

pub(crate) fn m2_repairing_keeps_every_entry(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let damaged = TestLog::with(&store, &numbered(0..5))?.key();
    let sound = TestLog::with(&store, &unusual_entries())?.key();
    drop(store);
    run.overwrite(damaged, 2, b"nonsense")?;
    let store = run.open()?;
    let before = readable(&store, damaged);
    maintenance(&store).repair(&mut |_| ())?;
    TestLog::at(&store, sound).must_hold(&unusual_entries(), "a sound log after a repair")?;
    ensure_eq(&readable(&store, damaged), &before, "the entries of a damaged log after a repair")?;
    let log = TestLog::at(&store, damaged);
    log.append(&nth(9))?;
    let expected = [before, numbered(9..10)].concat();
    ensure_eq(&readable(&store, damaged), &expected, "the entries after an append")
}

/// Creates a log of two entries beside another log. Removes the log of two entries from the index.
fn unlisted(run: &Run<'_>) -> Result<SegmentKey, CheckError> {
    let key = {
        let store = run.open()?;
        TestLog::with(&store, &numbered(0..1))?;
        TestLog::with(&store, &numbered(0..2))?.key()
    };
    run.unlist(key)?;
    Ok(key)
}

pub(crate) fn m3_a_lost_index_entry_is_found(run: &Run<'_>) -> CheckResult {
    let key = unlisted(run)?;
    let store = run.open()?;
    TestLog::at(&store, key).must_read(&numbered(0..2), "a log that an index lacks")?;
    let faults = faults(&store)?;
    let ids = [key.segment_id.to_string(), key.session_id.to_string()];
    let names_it = |fault: &Finding| ids.iter().any(|id| fault.to_string().contains(id));
    ensure!(faults.iter().any(names_it), "no fault names {key}: {faults:?}");
    Ok(())
}

pub(crate) fn m3_repairing_lists_a_segment_again(run: &Run<'_>) -> CheckResult {
    let key = unlisted(run)?;
    let store = run.open()?;
    maintenance(&store).repair(&mut |_| ())?;
    let log = TestLog::at(&store, key);
    log.must_hold(&numbered(0..2), "a log that an index lacked, after a repair")?;
    log.must_be_found("the session of the segment after a repair")?;
    ensure_eq(&faults(&store)?, &Vec::new(), "the faults after a repair")
}

pub(crate) fn m3_an_append_lists_its_segment_again(run: &Run<'_>) -> CheckResult {
    let key = unlisted(run)?;
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    log.append(&nth(2))?;
    log.must_hold(&numbered(0..3), "a log that an index lacked, after an append")
}

pub(crate) fn m7_repairing_moves_bad_texts_out(run: &Run<'_>) -> CheckResult {
    let key = TestLog::with(&run.open()?, &numbered(0..5))?.key();
    for (index, text) in [(0, &b"nonsense"[..]), (2, b"[1]"), (3, b"{\"n\":")] {
        run.overwrite(key, index, text)?;
    }
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    log.append(&nth(5))?;
    ensure_eq(&log.read_entry_count()?, &6, "the count before the repair")?;
    let before = log.head()?;
    maintenance(&store).repair(&mut |_| ())?;
    let kept = [nth(1), nth(4), nth(5)];
    log.must_hold(&kept, "a damaged log after a repair")?;
    ensure!(log.head()? != before, "a repaired log has the head {before:?} of before the repair");
    ensure_eq(&faults(&store)?, &Vec::new(), "the faults after a repair")?;
    log.append(&nth(6))?;
    let expected = [&kept[..], &[nth(6)]].concat();
    TestLog::at(&run.open()?, key).must_hold(&expected, "the log through another handle")
}

pub(crate) fn m7_every_damaged_log_is_repaired_once(run: &Run<'_>) -> CheckResult {
    let writer = run.open()?;
    let first = TestLog::with(&writer, &numbered(0..3))?;
    let keys = [first.key(), first.sibling().key(), TestLog::new(&writer).key()];
    for &key in &keys[1..] {
        TestLog::at(&writer, key).append_all(&numbered(0..3))?;
    }
    drop(writer);
    for key in keys {
        run.overwrite(key, 1, b"nonsense")?;
    }
    let (store, other) = (run.open()?, run.open()?);
    let logs = keys.map(|key| TestLog::at(&store, key));
    let heads: Result<Vec<_>, _> = logs.iter().map(|log| log.known_head()).collect();
    maintenance(&store).repair(&mut |_| ())?;
    for (log, head) in logs.iter().zip(heads?) {
        log.must_hold(&[nth(0), nth(2)], "one of several damaged logs after a repair")?;
        if store.capabilities().has(Capability::ConditionalAppend) {
            let (old, new) = (Some(head), log.head()?);
            must_conflict(log.append_if(old, &numbered(9..10)), old, new)?;
            must_conflict(log.truncate_if(head, 0), old, new)?;
        }
    }
    let before = Snapshot::of(&store)?;
    for handle in [&store, &other] {
        maintenance(handle).repair(&mut |_| ())?;
        before.must_be_unchanged_in(&store, "the storage after another repair")?;
    }
    Ok(())
}

pub(crate) fn m9_a_selected_segment_is_repaired(run: &Run<'_>) -> CheckResult {
    let writer = run.open()?;
    let selected = TestLog::with(&writer, &numbered(0..3))?.key();
    let other = TestLog::with(&writer, &numbered(0..3))?.key();
    let sound = TestLog::with(&writer, &numbered(0..3))?;
    let (sound, head) = (sound.key(), sound.head()?);
    drop(writer);
    for key in [selected, other] {
        run.overwrite(key, 1, b"nonsense")?;
    }
    let store = run.open()?;
    let sound = TestLog::at(&store, sound);
    maintenance(&store).repair_segments(&|key| key == selected, &mut |_| ())?;
    let kept = [nth(0), nth(2)];
    TestLog::at(&store, selected).must_hold(&kept, "the selected log after a repair")?;
    sound.must_hold(&numbered(0..3), "a sound log beside a log that was repaired")?;
    ensure_eq(&sound.head()?, &head, "the head of a sound log beside a log that was repaired")?;
    maintenance(&store).repair(&mut |_| ())?;
    TestLog::at(&store, other).must_hold(&kept, "the other log after its repair")
}
