//! Checks of section L of the contract (listing and lookup): sessions and segments are listed
//! completely and in order, and the session of a segment is found.

use std::fs;
use std::path::PathBuf;

use session_store_core::{Capability, Pod, SegmentId, SegmentKey, SessionId, Store};
use uuid::Uuid;

use crate::check_result::{CheckError, CheckResult, ensure, ensure_entries, ensure_eq, ensure_ids};
use crate::environment::scale;
use crate::run::Run;
use crate::sample::{entry, nth, numbered, numbered_traces, trace};
use crate::test_log::TestLog;
use crate::threads::write_while_reading;

/// Returns a number of items that exceeds the usual sizes of pages, batches and cursors in a
/// backend: 1,100, or a multiple of 1,100 if the environment sets a factor.
pub(super) fn many() -> usize {
    1_100 * scale()
}

/// Returns ids of several UUID versions and of both ends of the range, unordered.
fn unordered_ids() -> Vec<Uuid> {
    [
        0x0190_0000_0000_7000_8000_0000_0000_0001_u128,
        u128::MAX,
        0x0191_0000_0000_7000_8000_0000_0000_0000,
        0,
        0xf47a_c10b_58cc_4372_a567_0e02_b2c3_d479,
        0x0190_0000_0000_7000_8000_0000_0000_0000,
        0x7fff_ffff_ffff_ffff_ffff_ffff_ffff_ffff,
        0x8000_0000_0000_0000_0000_0000_0000_0000,
        1,
    ]
    .map(Uuid::from_u128)
    .into()
}

/// Returns the items in the order of the listings.
pub(super) fn newest_first<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_by(|a, b| b.cmp(a));
    items
}

pub(crate) fn l1_sessions_newest_first(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    store.must_list_sessions(&[], "the sessions of a fresh storage")?;
    for uuid in unordered_ids() {
        let log = TestLog::new(&store).in_session(uuid.into());
        log.append(&entry("{}"))?;
        log.sibling().create(&[])?;
    }
    let expected = newest_first(unordered_ids().into_iter().map(SessionId::from));
    store.must_list_sessions(&expected, "every session once, newest first")
}

pub(crate) fn l1_a_listed_session_has_segments(run: &Run<'_>) -> CheckResult {
    let key = {
        let store = run.open()?;
        TestLog::with(&store, &numbered(0..1))?;
        TestLog::with(&store, &numbered(0..1))?.key()
    };
    run.unlist(key)?;
    let store = run.open()?;
    for session_id in store.list_sessions()? {
        let segments = store.list_segments(session_id)?;
        ensure!(!segments.is_empty(), "the listed session {session_id} has no segments");
    }
    Ok(())
}

pub(crate) fn l2_segments_newest_first(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    for (n, uuid) in unordered_ids().into_iter().enumerate() {
        let segment = log.with_segment_id(uuid.into());
        if n % 2 == 0 {
            segment.create(&[])?;
        }
        segment.append(&entry("{}"))?;
    }
    let expected = newest_first(unordered_ids().into_iter().map(SegmentId::from));
    store.must_list_segments(log.session_id(), &expected, "every segment once, newest first")
}

pub(crate) fn l2_an_unknown_session_has_none(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    store.must_list_segments(SessionId::new(), &[], "the segments of an unknown session")?;
    // A segment id is not a session id, even if the bytes are the same.
    let misread = SessionId::from(Uuid::from(log.segment_id()));
    store.must_list_segments(misread, &[], "the segments of an unknown session")?;
    store.must_list_sessions(&[log.session_id()], "list_segments creates no session")
}

pub(crate) fn l2_replacing_hides_nothing(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    // One session has many segments, so that some are replaced while others are listed. Another
    // session has only one segment.
    let only = TestLog::with(&writer, &numbered(0..2))?;
    let first = TestLog::with(&writer, &numbered(0..2))?;
    let mut logs = vec![first];
    logs.resize_with(40, || first.sibling());
    logs.iter().try_for_each(|log| log.create(&numbered(0..2)))?;
    let (sessions, segments) = (reader.list_sessions()?, reader.list_segments(first.session_id())?);
    ensure_eq(&segments.len(), &logs.len(), "the number of segments before they are replaced")?;
    let replace = |round: usize| {
        only.create(&numbered(0..1))?;
        Ok(logs[round % logs.len()].create(&numbered(0..1))?)
    };
    write_while_reading(replace, || {
        let listed = reader.list_segments(first.session_id())?;
        ensure_ids(&listed, &segments, "segments while they are replaced")?;
        let listed = reader.list_segments(only.session_id())?;
        ensure_eq(&listed, &vec![only.segment_id()], "the only segment while it is replaced")?;
        reader.must_list_sessions(&sessions, "sessions while their segments are replaced")
    })
}

pub(crate) fn l3_a_trace_is_no_segment(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let traced = TestLog::new(&store);
    traced.append_trace(&trace("{}"))?;
    traced.must_be_absent("a trace alone")?;
    store.must_list_sessions(&[], "a trace alone creates no session")?;
    ensure_eq(&traced.lookup()?, &None, "the session of a trace alone")?;
    let log = traced.sibling();
    log.append(&entry("{}"))?;
    let expected = [log.segment_id()];
    store.must_list_segments(log.session_id(), &expected, "a segment beside a trace")
}

pub(crate) fn l3_a_trace_keeps_no_session(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::new(&store);
    log.sibling().append_trace(&trace("{}"))?;
    for _ in 0..2 {
        log.through(&other).append(&entry("{}"))?;
        for store in [&store, &other] {
            store.must_list_sessions(&[log.session_id()], "a session with one segment")?;
        }
        ensure_eq(&log.delete()?, &true, "deleting a segment returns true")?;
        for store in [&store, &other] {
            store.must_list_sessions(&[], "the sessions after only a trace is left")?;
        }
    }
    Ok(())
}

pub(crate) fn l3_a_pod_is_no_session(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let pod = Pod::new(log.session_id(), Some(log.segment_id()));
    for name in [String::from("reviewer"), log.session_id().to_string()] {
        store.required_pods().put_pod(&name.parse()?, &pod)?;
    }
    log.must_be_absent("the segment that a pod points to")?;
    store.must_list_sessions(&[], "a pod alone creates no session")?;
    ensure_eq(&log.lookup()?, &None, "the session that a pod points to")
}

/// Writes files, as other programs could, into the folder of the storage. If the log of the segment
/// is a file, also writes some beside the log. Returns the paths of the files.
fn write_strays(run: &Run<'_>, key: SegmentKey) -> Result<Vec<PathBuf>, CheckError> {
    let folder = run.folder()?;
    let mut strays = vec![folder.join("notes.txt"), folder.join(".DS_Store")];
    if let Some(log) = run.storage().log_file(key.session_id, key.segment_id) {
        let id = SegmentId::new();
        strays.extend(["notes.jsonl", ".DS_Store"].map(|name| log.with_file_name(name)));
        strays.extend(
            ["jsonl.bak", "jsonl.tmp", "txt"].map(|end| log.with_file_name(format!("{id}.{end}"))),
        );
    }
    let foreign_folder = folder.join("not-a-session");
    fs::create_dir_all(&foreign_folder)?;
    fs::create_dir_all(folder.join(SessionId::new().to_string()))?;
    strays.push(foreign_folder.join(format!("{}.jsonl", SegmentId::new())));
    for stray in &strays {
        fs::write(stray, STRAY)?;
    }
    Ok(strays)
}

/// The contents of a file of another program.
const STRAY: &str = "{\"stray\":true}\n";

fn must_be_left(strays: &[PathBuf]) -> CheckResult {
    for stray in strays {
        let left = fs::read_to_string(stray).unwrap_or_default();
        ensure_eq(&left.as_str(), &STRAY, &format!("the contents of {}", stray.display()))?;
    }
    Ok(())
}

pub(crate) fn l4_strays_are_left_alone(run: &Run<'_>) -> CheckResult {
    let key = TestLog::with(&run.open()?, &numbered(0..2))?.key();
    let strays = write_strays(run, key)?;
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    store.must_list_sessions(&[key.session_id], "the sessions beside other files")?;
    store.must_list_segments(key.session_id, &[key.segment_id], "beside other files")?;
    log.append(&nth(2))?;
    log.must_hold(&numbered(0..3), "an append beside other files")?;
    must_be_left(&strays)
}

pub(crate) fn l4_strays_outlive_deletes_and_repairs(run: &Run<'_>) -> CheckResult {
    let key = TestLog::with(&run.open()?, &numbered(0..2))?.key();
    let strays = write_strays(run, key)?;
    let store = run.open()?;
    let (log, sibling) = (TestLog::at(&store, key), TestLog::at(&store, key).sibling());
    sibling.append_trace(&trace("{}"))?;
    sibling.create(&numbered(0..3))?;
    if let Some(maintenance) = store.maintenance() {
        maintenance.repair(&mut |_| ())?;
        must_be_left(&strays)?;
        log.must_hold(&numbered(0..2), "a log beside other files after a repair")?;
    }
    if store.capabilities().has(Capability::Delete) {
        sibling.delete()?;
        store.delete_session(key.session_id)?;
        must_be_left(&strays)?;
        store.must_list_sessions(&[], "the sessions after a delete beside other files")?;
        log.must_be_absent("a segment that was deleted beside other files")?;
    }
    log.create(&numbered(0..1))?;
    log.must_hold(&numbered(0..1), "a log that is created again beside other files")?;
    must_be_left(&strays)
}

/// Returns session id number `n` from the start of the range, or from the end if `after` is set.
/// Ids from `SessionId::new` sort in between.
fn session(n: u128, after: bool) -> SessionId {
    Uuid::from_u128(if after { u128::MAX - n } else { n }).into()
}

pub(crate) fn l5_the_holder_is_found(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    ensure_eq(&TestLog::new(&store).lookup()?, &None, "the session of an unknown segment")?;
    let (appended, created) = (TestLog::new(&store), TestLog::new(&store));
    appended.append(&entry("{}"))?;
    created.create(&[])?;
    for log in [appended, created] {
        log.truncate(0)?;
        let found = (log.lookup()?, log.through(&other).lookup()?);
        let expected = (Some(log.session_id()), Some(log.session_id()));
        ensure_eq(&found, &expected, "the session of an empty segment")?;
    }
    Ok(())
}

pub(crate) fn l5_the_answer_stays(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..2))?;
    let held = |context: &str| {
        log.must_be_found(context)?;
        log.through(&other).must_be_found(context)
    };
    for n in 1..5 {
        for after in [false, true] {
            log.in_session(session(n, after)).append(&entry("{}"))?;
            held("the session after another session created the segment")?;
        }
    }
    log.truncate(0)?;
    held("the session after truncate to 0")?;
    log.create(&numbered(0..3))?;
    log.append(&entry("{}"))?;
    held("the session after replace and append")
}

pub(crate) fn l5_the_answer_outlives_the_handles(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    for after in [false, true] {
        log.in_session(session(1, after)).append(&entry("{}"))?;
    }
    log.must_be_found("the session before reopening")?;
    let key = log.key();
    drop(store);
    let reopened = run.open()?;
    TestLog::at(&reopened, key).must_be_found("the session after reopening")
}

pub(crate) fn l5_others_may_leave(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..1))?;
    for round in 0..4 {
        for after in [false, true] {
            let other_log = log.in_session(session(7, after)).through(&other);
            other_log.append(&entry("{}"))?;
            log.must_be_found(&format!("round {round}: another session created the segment"))?;
            if round % 2 == 0 {
                other_log.delete()?
            } else {
                other.delete_session(other_log.session_id())?
            };
            log.must_be_found(&format!("round {round}: the other session deleted it"))?;
        }
    }
    Ok(())
}

pub(crate) fn l5_a_deleted_holder_is_not_named(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..1))?;
    let remaining = log.in_session(session(3, false));
    remaining.append(&entry("{}"))?;
    log.delete()?;
    for store in [&store, &other] {
        remaining.through(store).must_be_found("the session that still holds the segment")?;
    }
    store.delete_session(remaining.session_id())?;
    for store in [&store, &other] {
        ensure_eq(&log.through(store).lookup()?, &None, "the session after all were deleted")?;
    }
    log.append(&entry("{}"))?;
    log.through(&other).must_be_found("the session after a new append")
}

pub(crate) fn l6_many_sessions(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let logs: Vec<_> = (0..many()).map(|_| TestLog::new(&store)).collect();
    logs.iter().try_for_each(|log| log.append(&entry("{}")))?;
    let expected = newest_first(logs.iter().map(|log| log.session_id()));
    ensure_ids(&store.list_sessions()?, &expected, "many sessions")?;
    ensure_ids(&run.open()?.list_sessions()?, &expected, "many sessions through a new handle")?;
    for log in [logs[0], logs[many() - 1]] {
        log.must_be_found("the session of one of many segments")?;
    }
    Ok(())
}

pub(crate) fn l6_many_segments(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let first = TestLog::new(&store);
    let logs: Vec<_> = (0..many()).map(|_| first.sibling()).collect();
    logs.iter().try_for_each(|log| log.append(&entry("{}")))?;
    let expected = newest_first(logs.iter().map(|log| log.segment_id()));
    let listed = store.list_segments(first.session_id())?;
    ensure_ids(&listed, &expected, "many segments")?;
    store.must_list_sessions(&[first.session_id()], "the session of many segments")?;
    let sample = logs.iter().step_by(100);
    sample.clone().try_for_each(|log| log.must_read(&[entry("{}")], "one of many segments"))
}

pub(crate) fn l6_many_entries(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let all = numbered(0..10 * many());
    let log = TestLog::with(&store, &all[..many()])?;
    log.append_all(&all[many()..])?;
    log.must_hold(&all, "many entries")?;
    for start in (4..13).map(|power| 1 << power).chain([5 * many()]) {
        let context = format!("a page of one entry from entry {start} on");
        log.must_read_page(start, 1, &all[start..=start], &context)?;
    }
    log.truncate(10 * many() - 1)?;
    log.must_count(10 * many() - 1, "the count of a long log after a truncate")
}

pub(crate) fn l6_many_traces(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_traces(&numbered_traces(0..many()))?;
    let page = log.read_trace_page(0, usize::MAX)?.entries;
    ensure_entries(&page, &numbered_traces(0..many()), "many trace entries")?;
    for start in (4..11).map(|power| 1 << power) {
        let page = log.read_trace_page(start, 1)?.entries;
        let context = format!("a page of one trace entry from entry {start} on");
        ensure_entries(&page, &numbered_traces(start..start + 1), &context)?;
    }
    Ok(())
}
