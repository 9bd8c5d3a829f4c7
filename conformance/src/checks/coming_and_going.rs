//! Checks of sections D and L of the contract: a reader lists and looks up sessions and segments
//! while other threads create and delete some. Other checks create segments again after a delete.

use session_store_core::{ListOptions, LogEntry, SegmentKey, SessionId, Store, StoreError};
use uuid::Uuid;

use super::head::must_conflict;
use super::listing::many;
use crate::check_result::{CheckResult, ensure_eq, ensure_ids};
use crate::run::Run;
use crate::sample::{nth, numbered, numbered_traces};
use crate::test_log::TestLog;
use crate::threads::write_while_reading;

/// The number of sessions or segments that stay while others are created and deleted.
const STAYING: usize = 20;

/// Returns ids that are spread over the range, in descending order. The ids that stay have even
/// numbers.
fn spread(number: usize) -> Uuid {
    Uuid::from_u128(u128::MAX / 256 * (255 - number as u128))
}

/// Lets `write` create and delete one item after another. Each item sorts between two items that
/// stay. Meanwhile calls `read` repeatedly with the ids that stay.
fn list_while_others_go(
    run: &Run<'_>,
    key: fn(TestLog<'_>, usize) -> SegmentKey,
    read: impl Fn(&dyn Store, &[SegmentKey]) -> CheckResult,
) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let base = TestLog::new(&writer);
    let staying: Vec<_> = (0..STAYING).map(|n| key(base, 2 * n)).collect();
    for &key in &staying {
        TestLog::at(&writer, key).append(&nth(0))?;
    }
    let write = |round: usize| {
        let number = 2 * (round / 2 % STAYING) + 1;
        let log = TestLog::at(&writer, key(base, number));
        match round % 2 {
            0 => log.append(&nth(0))?,
            _ => _ = log.delete()?,
        }
        Ok(())
    };
    write_while_reading(write, || read(&reader, &staying))
}

pub(crate) fn l1_sessions_stay_listed_while_others_go(run: &Run<'_>) -> CheckResult {
    let key = |_: TestLog<'_>, n| SegmentKey::new(spread(n).into(), spread(n).into());
    list_while_others_go(run, key, |store, staying| {
        let staying: Vec<SessionId> = staying.iter().map(|key| key.session_id).collect();
        let mut listed = store.list_sessions()?;
        listed.retain(|session| staying.contains(session));
        ensure_ids(&listed, &staying, "the sessions that stay while others come and go")
    })
}

pub(crate) fn l2_segments_stay_listed_while_others_go(run: &Run<'_>) -> CheckResult {
    let key = |log: TestLog<'_>, n| log.with_segment_id(spread(n).into()).key();
    list_while_others_go(run, key, |store, staying| {
        let mut listed = store.list_segments(staying[0].session_id)?;
        let staying: Vec<_> = staying.iter().map(|key| key.segment_id).collect();
        listed.retain(|segment| staying.contains(segment));
        ensure_ids(&listed, &staying, "the segments that stay while others come and go")
    })
}

pub(crate) fn l8_facts_stay_listed_while_others_go(run: &Run<'_>) -> CheckResult {
    let key = |_: TestLog<'_>, n| SegmentKey::new(spread(n).into(), spread(n).into());
    list_while_others_go(run, key, |store, staying| {
        let infos = store.list_infos(&ListOptions::new())?.into_iter().map(|(key, _)| key);
        let listed: Vec<_> = infos.filter(|key| staying.contains(key)).collect();
        ensure_eq(&listed, &staying.to_vec(), "the facts of segments that stay while others go")
    })
}

pub(crate) fn l5_no_answer_is_kept_over_a_delete(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..2))?;
    for store in [&store, &other] {
        log.through(store).must_be_found("the session before the delete")?;
    }
    log.delete()?;
    for store in [&store, &other] {
        ensure_eq(&log.through(store).lookup()?, &None, "the session after the delete")?;
    }
    // Another session creates the segment that both handles have looked up.
    let next = log.namesake();
    next.append(&nth(0))?;
    for store in [&store, &other] {
        next.through(store).must_be_found("the session that created the segment again")?;
    }
    other.delete_session(next.session_id())?;
    for store in [&store, &other] {
        ensure_eq(&next.through(store).lookup()?, &None, "the session after delete_session")?;
    }
    Ok(())
}

pub(crate) fn l5_no_answer_is_kept_over_a_create(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let creates: [fn(TestLog<'_>) -> Result<(), StoreError>; 3] =
        [|log| log.append(&nth(0)), |log| log.append_all(&numbered(0..2)), |log| log.create(&[])];
    for create in creates {
        let log = TestLog::new(&store);
        for store in [&store, &other] {
            ensure_eq(&log.through(store).lookup()?, &None, "the session of an unknown segment")?;
        }
        create(log)?;
        for store in [&store, &other] {
            log.through(store).must_be_found("the session after the segment was created")?;
        }
    }
    Ok(())
}

/// Deletes a segment of several entries and writes to it again. Fails unless the segment then has
/// exactly the entries that were written after the delete.
fn starts_again(
    run: &Run<'_>,
    name: &str,
    write: impl Fn(TestLog<'_>) -> Result<(), StoreError>,
    expected: &[LogEntry],
) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    for through_another in [false, true] {
        for whole_session in [false, true] {
            let log = TestLog::with(&store, &numbered(0..5))?;
            log.must_hold(&numbered(0..5), "the log before the delete")?;
            match whole_session {
                false => log.delete()?,
                true => store.delete_session(log.session_id())?,
            };
            write(if through_another { log.through(&other) } else { log })?;
            for store in [&store, &other] {
                let log = log.through(store);
                log.must_hold(expected, &format!("the log after a delete and {name}"))?;
                log.must_be_found(&format!("the session after a delete and {name}"))?;
            }
        }
    }
    Ok(())
}

pub(crate) fn d1_batches_and_creates_start_again(run: &Run<'_>) -> CheckResult {
    let batch = |log: TestLog<'_>| log.append_all(&numbered(7..9));
    starts_again(run, "append_all", batch, &numbered(7..9))?;
    starts_again(run, "create_segment", |log| log.create(&numbered(7..8)), &numbered(7..8))?;
    starts_again(run, "create_segment of nothing", |log| log.create(&[]), &[])
}

pub(crate) fn d1_conditions_start_again(run: &Run<'_>) -> CheckResult {
    let append = |log: TestLog<'_>| log.append_if(None, &numbered(7..9)).map(drop);
    starts_again(run, "append_if", append, &numbered(7..9))?;
    starts_again(run, "append_if of nothing", |log| log.append_if(None, &[]).map(drop), &[])?;
    // With the head of the deleted segment, `append_if` must fail: the segment has no head now.
    let store = run.open()?;
    for entries in [numbered(0..3), Vec::new()] {
        let log = TestLog::new(&store);
        log.create(&entries)?;
        let head = log.known_head()?;
        log.delete()?;
        must_conflict(log.append_if(Some(head), &numbered(0..1)), Some(head), None)?;
        must_conflict(log.append_if(Some(head), &[]), Some(head), None)?;
        must_conflict(log.truncate_if(head, 0), Some(head), None)?;
        log.must_be_absent("a deleted segment after conflicts")?;
    }
    Ok(())
}

pub(crate) fn x2_traces_start_again(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    for whole_session in [false, true] {
        let log = TestLog::with(&store, &numbered(0..1))?;
        log.append_traces(&numbered_traces(0..4))?;
        match whole_session {
            false => log.delete()?,
            true => store.delete_session(log.session_id())?,
        };
        log.append_traces(&numbered_traces(8..9))?;
        log.must_have_trace(&numbered_traces(8..9), "the trace that was written after a delete")?;
        log.append(&nth(0))?;
        log.must_have_trace(&numbered_traces(8..9), "the trace of the new segment")?;
    }
    Ok(())
}

pub(crate) fn d1_a_large_session_is_gone(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, stays) = (TestLog::new(&store), TestLog::with(&store, &numbered(0..1))?);
    let mut logs = vec![log];
    logs.resize_with(many(), || log.sibling());
    logs.iter().try_for_each(|log| log.append(&nth(0)))?;
    ensure_eq(&store.list_segments(log.session_id())?.len(), &many(), "the segments before")?;
    ensure_eq(&store.delete_session(log.session_id())?, &true, "deleting a session")?;
    store.must_list_segments(log.session_id(), &[], "the segments of a deleted session")?;
    store.must_list_sessions(&[stays.session_id()], "the sessions after the delete")?;
    for log in logs {
        ensure_eq(&log.exists()?, &false, "a segment of a deleted session")?;
        ensure_eq(&log.lookup()?, &None, "the session of a deleted segment")?;
    }
    Ok(())
}
