//! D: deleting, and that everything agrees about it at once.

use session_store_core::{SessionId, Store};

use crate::failure::{Verdict, same, same_entries};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{numbered, trace};
use crate::snapshot::Snapshot;

pub(crate) fn d1_a_deleted_segment_is_gone(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..3))?;
    let (sibling, empty) = (log.sibling(), log.sibling());
    sibling.append_all(&numbered(5..7))?;
    empty.create(&[])?;
    for gone in [log, empty] {
        gone.through(&other).must_exist("before it is deleted")?;
        same(&gone.delete()?, &true, "there was a segment")?;
        for store in [&store, &other] {
            gone.through(store).must_be_absent("a deleted segment, at once")?;
            same(&gone.through(store).lookup()?, &None, "a deleted segment is not found")?;
        }
        same(&gone.delete()?, &false, "there is nothing left to delete")?;
    }
    sibling.must_hold(&numbered(5..7), "its sibling stays as it is")
}

pub(crate) fn d1_the_last_segment_takes_its_session(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let (log, stays) = (Log::with(&store, &numbered(0..1))?, Log::with(&store, &numbered(0..1))?);
    let sibling = log.sibling();
    sibling.append(&numbered(0..1)[0])?;
    log.delete()?;
    same(&other.list_sessions()?.contains(&log.session_id), &true, "one segment is left")?;
    sibling.delete()?;
    for store in [&store, &other] {
        let sessions = store.list_sessions()?;
        same(&sessions, &vec![stays.session_id], "a session without a segment is not listed")?;
        same(&store.list_segments(log.session_id)?, &Vec::new(), "nor are its segments")?;
    }
    Ok(())
}

pub(crate) fn d1_a_deleted_session_is_gone(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..2))?;
    let gone = [log, log.sibling(), log.sibling()];
    gone[1].create(&[])?;
    gone[2].append_all(&numbered(0..9))?;
    let stays = log.namesake();
    stays.append_all(&numbered(3..5))?;
    same(&store.delete_session(log.session_id)?, &true, "there was a session")?;
    for store in [&store, &other] {
        same(&store.list_sessions()?, &vec![stays.session_id], "a deleted session, at once")?;
        for gone in gone {
            gone.through(store).must_be_absent("a segment of a deleted session")?;
        }
    }
    same(&store.delete_session(log.session_id)?, &false, "there is nothing left to delete")?;
    stays.must_hold(&numbered(3..5), "other sessions stay as they are")
}

pub(crate) fn d1_a_trace_alone_counts(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (log, other) = (Log::new(&store), Log::new(&store));
    for log in [log, other] {
        log.trace(&trace("{}"))?;
    }
    same(&log.delete()?, &true, "a trace alone is something")?;
    same(&log.delete()?, &false, "and then it is gone")?;
    same(&store.delete_session(other.session_id)?, &true, "a trace alone is something")?;
    same(&store.delete_session(other.session_id)?, &false, "and then it is gone")
}

pub(crate) fn d1_deleting_nothing_is_false(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..2))?;
    let before = Snapshot::of(&store)?;
    for unknown in [Log::new(&store), log.sibling(), log.namesake()] {
        same(&unknown.delete()?, &false, "deleting an unknown segment")?;
    }
    same(&store.delete_session(SessionId::new())?, &false, "deleting an unknown session")?;
    before.must_be_what(&store, "deleting what is not there changes nothing")
}

pub(crate) fn d1_an_append_afterwards_makes_it_anew(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..5))?;
    let writer = log.through(&other);
    writer.must_hold(&numbered(0..5), "before it is deleted")?;
    log.delete()?;
    writer.append(&numbered(80..81)[0])?;
    for store in [&store, &other] {
        let log = log.through(store);
        log.must_hold(&numbered(80..81), "an append after a delete makes a new segment")?;
        same(&log.lookup()?, &Some(log.session_id), "and it is found")?;
    }
    other.delete_session(log.session_id)?;
    log.create(&[])?;
    writer.must_hold(&[], "a create after a delete makes a new segment")
}

pub(crate) fn d1_deleted_stays_deleted(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (log, stays) = (Log::with(&store, &numbered(0..5))?, Log::with(&store, &numbered(0..2))?);
    log.must_hold(&numbered(0..5), "before it is deleted")?;
    log.delete()?;
    let (gone, stays) = (log.ids(), stays.ids());
    drop(store);
    let reopened = run.open()?;
    Log::known(&reopened, gone).must_be_absent("a deleted segment after reopening")?;
    same(&reopened.list_sessions()?, &vec![stays.0], "a deleted session after reopening")?;
    same_entries(&Log::known(&reopened, stays).entries()?, &numbered(0..2), "the other one stays")
}
