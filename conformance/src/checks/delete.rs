//! Checks of section D of the contract (deletion): deleting, and the results of all other methods
//! afterwards.

use session_store_core::{SessionId, Store};

use crate::check_result::{CheckResult, ensure_eq};
use crate::run::Run;
use crate::sample::{nth, numbered, trace};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;

pub(crate) fn d1_a_deleted_segment_is_gone(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..3))?;
    let (sibling, empty) = (log.sibling(), log.sibling());
    sibling.append_all(&numbered(5..7))?;
    empty.create(&[])?;
    for gone in [log, empty] {
        gone.through(&other).must_exist("before it is deleted")?;
        ensure_eq(&gone.delete()?, &true, "deleting a segment returns true")?;
        for store in [&store, &other] {
            gone.through(store).must_be_absent("a deleted segment")?;
            ensure_eq(&gone.through(store).lookup()?, &None, "the session of a deleted segment")?;
        }
        ensure_eq(&gone.delete()?, &false, "deleting it again returns false")?;
    }
    sibling.must_hold(&numbered(5..7), "another segment of the session")
}

pub(crate) fn d1_the_last_segment_takes_its_session(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let (log, stays) =
        (TestLog::with(&store, &numbered(0..1))?, TestLog::with(&store, &numbered(0..1))?);
    let sibling = log.sibling();
    sibling.append(&nth(0))?;
    log.delete()?;
    let listed = other.list_sessions()?.contains(&log.session_id());
    ensure_eq(&listed, &true, "the session with one segment left is listed")?;
    sibling.delete()?;
    for store in [&store, &other] {
        store.must_list_sessions(&[stays.session_id()], "after the last segment was deleted")?;
        store.must_list_segments(log.session_id(), &[], "the segments of the deleted session")?;
    }
    Ok(())
}

pub(crate) fn d1_a_deleted_session_is_gone(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..2))?;
    let gone = [log, log.sibling(), log.sibling()];
    gone[1].create(&[])?;
    gone[2].append_all(&numbered(0..9))?;
    let stays = log.namesake();
    stays.append_all(&numbered(3..5))?;
    ensure_eq(&store.delete_session(log.session_id())?, &true, "deleting a session returns true")?;
    for store in [&store, &other] {
        store.must_list_sessions(&[stays.session_id()], "the sessions after the delete")?;
        for gone in gone {
            gone.through(store).must_be_absent("a segment of a deleted session")?;
        }
    }
    ensure_eq(&store.delete_session(log.session_id())?, &false, "deleting it again returns false")?;
    stays.must_hold(&numbered(3..5), "a segment of another session")
}

pub(crate) fn d1_a_trace_alone_counts(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, other) = (TestLog::new(&store), TestLog::new(&store));
    for log in [log, other] {
        log.append_trace(&trace("{}"))?;
    }
    ensure_eq(&log.delete()?, &true, "deleting a trace returns true")?;
    ensure_eq(&log.delete()?, &false, "deleting it again returns false")?;
    ensure_eq(&store.delete_session(other.session_id())?, &true, "deleting a trace returns true")?;
    ensure_eq(&store.delete_session(other.session_id())?, &false, "deleting it again returns false")
}

pub(crate) fn d1_deleting_nothing_is_false(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..2))?;
    let before = Snapshot::of(&store)?;
    for unknown in log.unknown_segments() {
        ensure_eq(&unknown.delete()?, &false, "deleting an unknown segment")?;
    }
    ensure_eq(&store.delete_session(SessionId::new())?, &false, "deleting an unknown session")?;
    before.must_be_unchanged_in(&store, "deleting nothing changes nothing")
}

pub(crate) fn d1_an_append_afterwards_makes_it_anew(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..5))?;
    let writer = log.through(&other);
    writer.must_hold(&numbered(0..5), "before it is deleted")?;
    log.delete()?;
    writer.append(&nth(80))?;
    for store in [&store, &other] {
        let log = log.through(store);
        log.must_hold(&numbered(80..81), "an append after a delete")?;
        log.must_be_found("the session of the new segment")?;
    }
    other.delete_session(log.session_id())?;
    log.create(&[])?;
    writer.must_hold(&[], "a create after a delete")
}

pub(crate) fn d1_deleted_stays_deleted(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, stays) =
        (TestLog::with(&store, &numbered(0..5))?, TestLog::with(&store, &numbered(0..2))?);
    log.must_hold(&numbered(0..5), "before it is deleted")?;
    let session = TestLog::with(&store, &numbered(0..3))?;
    log.delete()?;
    store.delete_session(session.session_id())?;
    let (gone, stays) = ([log.key(), session.key()], stays.key());
    drop(store);
    let reopened = run.open()?;
    for key in gone {
        TestLog::at(&reopened, key).must_be_absent("a deleted segment after reopening")?;
    }
    reopened.must_list_sessions(&[stays.session_id], "the sessions after reopening")?;
    TestLog::at(&reopened, stays).must_read(&numbered(0..2), "the segment that was not deleted")
}
