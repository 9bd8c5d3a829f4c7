//! Checks of sections A, S, P and X of the contract: segments with the same id are separate, and
//! data that refers to a deleted session remains.

use session_store_core::{
    Capability, ListOptions, LogEntry, Pod, SegmentId, SegmentKey, Store, StoreError,
};
use uuid::Uuid;

use crate::check_result::{CheckResult, ensure_eq};
use crate::run::Run;
use crate::sample::{nth, numbered, numbered_traces, signed};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;

/// Returns a segment and then the segment with the same id in another session. A lookup finds the
/// first segment.
fn two_holders(store: &dyn Store) -> Result<[TestLog<'_>; 2], StoreError> {
    let first = TestLog::with(store, &numbered(0..4))?;
    let second = first.namesake();
    second.append_all(&numbered(10..13))?;
    Ok([first, second])
}

/// Changes the second segment. Fails unless the second segment then holds `expected` and the first
/// segment is unchanged.
fn only_the_second_changes(
    run: &Run<'_>,
    name: &str,
    change: impl Fn(TestLog<'_>) -> Result<(), StoreError>,
    expected: &[LogEntry],
) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let [first, second] = two_holders(&store)?;
    let head = first.head()?;
    change(second)?;
    for store in [&store, &other] {
        let (first, second) = (first.through(store), second.through(store));
        second.must_hold(expected, &format!("the segment of the second session after {name}"))?;
        let context = format!("the segment of the first session after {name} in the second one");
        first.must_hold(&numbered(0..4), &context)?;
        ensure_eq(&first.head()?, &head, &context)?;
        first.must_be_found(&context)?;
    }
    Ok(())
}

pub(crate) fn a8_the_second_session_is_changed(run: &Run<'_>) -> CheckResult {
    let appended = numbered(10..14);
    only_the_second_changes(run, "append", |log| log.append(&nth(13)), &appended)?;
    only_the_second_changes(run, "append_all", |log| log.append_all(&numbered(13..14)), &appended)?;
    only_the_second_changes(run, "truncate", |log| log.truncate(1), &numbered(10..11))?;
    only_the_second_changes(run, "truncate to 0", |log| log.truncate(0), &[])?;
    only_the_second_changes(
        run,
        "create_segment",
        |log| log.create(&numbered(20..22)),
        &numbered(20..22),
    )
}

pub(crate) fn a8_conditions_of_the_second_session(run: &Run<'_>) -> CheckResult {
    let append = |log: TestLog<'_>| log.append_if(log.head()?, &numbered(13..14)).map(drop);
    only_the_second_changes(run, "append_if", append, &numbered(10..14))?;
    let truncate = |log: TestLog<'_>| log.truncate_if(log.known_head()?, 1).map(drop);
    only_the_second_changes(run, "truncate_if", truncate, &numbered(10..11))?;
    // A third session can create the segment under a condition, although other sessions hold it.
    let store = run.open()?;
    let [first, second] = two_holders(&store)?;
    let third = first.namesake();
    third.append_if(None, &numbered(30..31))?;
    third.must_hold(&numbered(30..31), "the segment of a third session after append_if")?;
    first.must_hold(&numbered(0..4), "the segment of the first session")?;
    second.must_hold(&numbered(10..13), "the segment of the second session")
}

pub(crate) fn a8_deleting_the_second_leaves_the_first(run: &Run<'_>) -> CheckResult {
    for whole_session in [false, true] {
        let (store, other) = (run.open()?, run.open()?);
        let [first, second] = two_holders(&store)?;
        let deleted = match whole_session {
            false => second.delete()?,
            true => store.delete_session(second.session_id())?,
        };
        ensure_eq(&deleted, &true, "whether deleting in the second session deleted something")?;
        for store in [&store, &other] {
            second.through(store).must_be_absent("the segment of the second session")?;
            let first = first.through(store);
            first
                .must_hold(&numbered(0..4), "the segment of the first session after the delete")?;
            first.must_be_found("the first session after a delete in the second one")?;
        }
        first.delete()?;
    }
    Ok(())
}

pub(crate) fn x2_deleting_leaves_the_trace_of_another_session(run: &Run<'_>) -> CheckResult {
    for whole_session in [false, true] {
        let store = run.open()?;
        let logs = two_holders(&store)?;
        for (n, log) in logs.iter().enumerate() {
            log.append_traces(&numbered_traces(n..n + 3))?;
        }
        let [first, second] = logs;
        match whole_session {
            false => second.delete()?,
            true => store.delete_session(second.session_id())?,
        };
        first.must_have_trace(&numbered_traces(0..3), "the trace in the other session")?;
        second.must_have_trace(&[], "the trace of the deleted segment")?;
        first.delete()?;
    }
    Ok(())
}

pub(crate) fn s1_the_same_ids_in_two_storages(run: &Run<'_>) -> CheckResult {
    let elsewhere = run.second_storage();
    let (here, there) = (run.open()?, elsewhere.open()?);
    let key = TestLog::with(&here, &numbered(0..5))?.key();
    let (ours, theirs) = (TestLog::at(&here, key), TestLog::at(&there, key));
    theirs.must_be_absent("the segment in another storage")?;
    ensure_eq(&theirs.lookup()?, &None, "the session of the segment in another storage")?;
    ours.append_traces(&numbered_traces(0..2))?;
    theirs.create(&numbered(50..52))?;
    let before = Snapshot::of(&here)?;
    for (n, change) in [
        (3, (|log| log.append(&nth(52))) as fn(TestLog<'_>) -> Result<(), StoreError>),
        (1, |log| log.truncate(1)),
        (6, |log| log.create(&numbered(50..56))),
    ] {
        change(theirs)?;
        theirs.must_hold(&numbered(50..50 + n), "the log in the other storage")?;
        ensure_eq(
            &theirs.info()?.map(|info| info.head),
            &theirs.head()?,
            "the head in the SegmentInfo of the other storage",
        )?;
        ours.must_hold(&numbered(0..5), "the log in the first storage")?;
    }
    let listed: Vec<SegmentKey> =
        there.list_infos(&ListOptions::new())?.into_iter().map(|(key, _)| key).collect();
    ensure_eq(&listed, &vec![key], "the segments of the other storage")?;
    before.must_be_unchanged_in(&here, "the first storage after changes in the other one")
}

pub(crate) fn p1_pods_outlive_deletes(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..2))?;
    let sibling = log.sibling();
    sibling.append(&nth(0))?;
    let pods = store.required_pods();
    let pointing = [
        ("to the segment".parse()?, Pod::new(log.session_id(), Some(log.segment_id()))),
        ("to the session".parse()?, Pod::new(log.session_id(), None)),
        // The names of pods are not ids, even if their text is the same.
        (log.segment_id().to_string().parse()?, Pod::new(log.session_id(), None)),
        (log.session_id().to_string().parse()?, Pod::new(log.session_id(), None)),
    ];
    for (name, pod) in &pointing {
        pods.put_pod(name, pod)?;
    }
    let all_are_there = |context: &str| {
        for (name, pod) in &pointing {
            ensure_eq(&pods.read_pod(name)?.as_ref(), &Some(pod), context)?;
        }
        ensure_eq(&pods.list_pods()?.len(), &pointing.len(), context)
    };
    log.delete()?;
    all_are_there("the pods after their segment was deleted")?;
    store.delete_session(log.session_id())?;
    all_are_there("the pods after their session was deleted")?;
    log.append(&nth(0))?;
    for (name, _) in &pointing {
        pods.delete_pod(name)?;
    }
    log.must_hold(
        &numbered(0..1),
        "the segment after the deletion of pods that were named by its ids",
    )
}

/// Returns ids that are equal in most of their bytes, and the ids at both ends of the range.
fn similar_ids() -> Vec<Uuid> {
    let id: u128 = 0x0190_0000_0000_7000_8000_0000_0000_00ff;
    let changed = [0, 8, 32, 64, 65, 96, 127].map(|bit| id ^ (1 << bit));
    [id, 0, u128::MAX].into_iter().chain(changed).map(Uuid::from_u128).collect()
}

pub(crate) fn a8_similar_ids_are_separate(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let ids = similar_ids();
    // Each pair of ids occurs in both orders, and each id with itself.
    let pairs = ids.iter().flat_map(|&s| ids.iter().map(move |&g| (s, g)));
    let logs: Vec<_> =
        pairs.map(|(s, g)| TestLog::at(&store, SegmentKey::new(s.into(), g.into()))).collect();
    for (n, log) in logs.iter().enumerate() {
        match n % 3 {
            0 => log.append(&nth(n))?,
            1 => log.append_all(&[nth(n)])?,
            _ => log.create(&[nth(n)])?,
        }
    }
    for (n, log) in logs.iter().enumerate() {
        log.append(&nth(1_000 + n))?;
    }
    for (n, log) in logs.iter().enumerate() {
        log.must_hold(&[nth(n), nth(1_000 + n)], "a log beside logs with similar ids")?;
    }
    Ok(())
}

pub(crate) fn a8_similar_sessions_have_their_own_segments(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let in_session = |id: Uuid| {
        let log = TestLog::at(&store, SegmentKey::new(id.into(), SegmentId::new()));
        log.create(&numbered(0..2)).map(|()| log)
    };
    let logs = similar_ids().into_iter().map(in_session).collect::<Result<Vec<_>, _>>()?;
    for log in &logs {
        let context = "the segments of a session beside sessions with similar ids";
        store.must_list_segments(log.session_id(), &[log.segment_id()], context)?;
    }
    if store.capabilities().has(Capability::Delete) {
        for (n, log) in logs.iter().enumerate() {
            store.delete_session(log.session_id())?;
            log.must_be_absent("a deleted session")?;
            for other in &logs[n + 1..] {
                let context = "a session after a session with a similar id was deleted";
                other.must_hold(&numbered(0..2), context)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn a8_equal_entries_of_two_logs(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let all: Vec<_> = [0, 300, 5_000, 70_000].map(|size| signed(0, 0, size)).into();
    let stays = TestLog::with(&store, &all)?;
    let logs: Vec<_> =
        (0..4).map(|n| if n % 2 == 0 { stays.sibling() } else { TestLog::new(&store) }).collect();
    for log in &logs {
        log.create(&all)?;
    }
    logs[0].truncate(0)?;
    logs[1].create(&numbered(0..1))?;
    if store.capabilities().has(Capability::Delete) {
        logs[2].delete()?;
        store.delete_session(logs[3].session_id())?;
    }
    stays.must_hold(&all, "a log whose entries were also removed from other logs")
}
