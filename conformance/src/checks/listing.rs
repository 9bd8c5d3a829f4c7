//! L: sessions and segments are listed whole and in order, and a segment's session is found.

use std::fs;

use session_store_core::{Pod, SegmentId, SessionId, Store};
use uuid::Uuid;

use crate::failure::{Failure, Verdict, same, same_entries, same_ids};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{entry, numbered, numbered_traces, trace};
use crate::threads::during;

/// More than any page, batch or cursor of a backend is likely to hold.
const MANY: usize = 1_100;

/// Ids of several versions and of both ends of the range, in no order.
fn scattered() -> Vec<Uuid> {
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

fn newest_first<T: From<Uuid> + Ord>() -> Vec<T> {
    let mut ids: Vec<T> = scattered().into_iter().map(T::from).collect();
    ids.sort_by(|a, b| b.cmp(a));
    ids
}

pub(crate) fn l1_sessions_newest_first(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    same(&store.list_sessions()?, &Vec::new(), "a fresh storage has no session")?;
    for uuid in scattered() {
        let log = Log::new(&store).in_session(uuid.into());
        log.append(&entry("{}"))?;
        log.sibling().create(&[])?;
    }
    same(&store.list_sessions()?, &newest_first(), "every session once, newest first")
}

pub(crate) fn l2_segments_newest_first(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    for (n, uuid) in scattered().into_iter().enumerate() {
        let segment = Log { segment_id: uuid.into(), ..log };
        if n % 2 == 0 {
            segment.create(&[])?;
        }
        segment.append(&entry("{}"))?;
    }
    same(&store.list_segments(log.session_id)?, &newest_first(), "segments newest first")
}

pub(crate) fn l2_an_unknown_session_has_none(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    same(&store.list_segments(SessionId::new())?, &Vec::new(), "an unknown session")?;
    // A segment's id is no session's.
    let misread = SessionId::from(Uuid::from(log.segment_id));
    same(&store.list_segments(misread)?, &Vec::new(), "an unknown session")?;
    same(&store.list_sessions()?, &vec![log.session_id], "asking makes no session")
}

pub(crate) fn l2_replacing_hides_nothing(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    // Many, so that some are renamed or rewritten while the others are listed; and one that is its session's only.
    let only = Log::with(&writer, &numbered(0..2))?;
    let first = Log::with(&writer, &numbered(0..2))?;
    let mut logs = vec![first];
    logs.resize_with(40, || first.sibling());
    logs.iter().try_for_each(|log| log.create(&numbered(0..2)))?;
    let (sessions, segments) = (reader.list_sessions()?, reader.list_segments(first.session_id)?);
    same(&segments.len(), &logs.len(), "segments before they are replaced")?;
    let replace = |round: usize| {
        only.create(&numbered(0..1))?;
        Ok(logs[round % logs.len()].create(&numbered(0..1))?)
    };
    during(replace, || {
        let listed = reader.list_segments(first.session_id)?;
        same_ids(&listed, &segments, "segments that are replaced meanwhile")?;
        let listed = reader.list_segments(only.session_id)?;
        same(&listed, &vec![only.segment_id], "a session's only segment")?;
        same(&reader.list_sessions()?, &sessions, "and their sessions")
    })
}

pub(crate) fn l3_a_trace_is_no_segment(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let traced = Log::new(&store);
    traced.trace(&trace("{}"))?;
    traced.must_be_absent("a trace alone")?;
    same(&store.list_sessions()?, &Vec::new(), "a trace alone makes no session")?;
    same(&traced.lookup()?, &None, "a trace alone is not found")?;
    let log = traced.sibling();
    log.append(&entry("{}"))?;
    same(
        &store.list_segments(log.session_id)?,
        &vec![log.segment_id],
        "a trace alone is no segment, beside one too",
    )
}

pub(crate) fn l3_a_trace_keeps_no_session(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::new(&store);
    log.sibling().trace(&trace("{}"))?;
    for _ in 0..2 {
        log.through(&other).append(&entry("{}"))?;
        for store in [&store, &other] {
            same(&store.list_sessions()?, &vec![log.session_id], "a session with a segment")?;
        }
        same(&log.delete()?, &true, "there was a segment")?;
        for store in [&store, &other] {
            same(&store.list_sessions()?, &Vec::new(), "only a trace is left of the session")?;
        }
    }
    Ok(())
}

pub(crate) fn l3_a_pod_is_no_session(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let pod = Pod::new(log.session_id, Some(log.segment_id));
    for name in [String::from("reviewer"), log.session_id.to_string()] {
        store.pods().expect("the check needs pods").put_pod(&name.parse()?, &pod)?;
    }
    log.must_be_absent("a pod that points to a segment")?;
    same(&store.list_sessions()?, &Vec::new(), "a pod alone makes no session")?;
    same(&log.lookup()?, &None, "a pod alone is not found")
}

pub(crate) fn l4_strays_are_left_alone(run: &Run<'_>) -> Verdict {
    let ids = Log::with(&run.open()?, &numbered(0..2))?.ids();
    let folder =
        run.storage().folder().ok_or_else(|| Failure::new("the harness names no folder"))?;
    let mut strays = vec![folder.join("notes.txt"), folder.join(".DS_Store")];
    if let Some(beside) =
        run.storage().log_file(ids.0, ids.1).and_then(|log| log.parent().map(Into::into))
    {
        let beside: std::path::PathBuf = beside;
        let id = SegmentId::new();
        strays.extend(["notes.jsonl", ".DS_Store"].map(|name| beside.join(name)));
        strays.extend(
            ["jsonl.bak", "jsonl.tmp", "txt"].map(|end| beside.join(format!("{id}.{end}"))),
        );
    }
    let elsewhere = folder.join("not-a-session");
    fs::create_dir_all(&elsewhere)?;
    fs::create_dir_all(folder.join(SessionId::new().to_string()))?;
    strays.push(elsewhere.join(format!("{}.jsonl", SegmentId::new())));
    for stray in &strays {
        fs::write(stray, "{\"stray\":true}\n")?;
    }
    let store = run.open()?;
    let log = Log::known(&store, ids);
    same(&store.list_sessions()?, &vec![ids.0], "strays are no sessions")?;
    same(&store.list_segments(ids.0)?, &vec![ids.1], "strays are no segments")?;
    log.append(&numbered(2..3)[0])?;
    log.must_hold(&numbered(0..3), "strays are in nobody's way")?;
    for stray in &strays {
        let left = fs::read_to_string(stray).unwrap_or_default();
        let promise = format!("{} is left alone", stray.display());
        same(&left.as_str(), &"{\"stray\":true}\n", &promise)?;
    }
    Ok(())
}

/// A session id that sorts before, or after, every one that `SessionId::new` makes.
fn session(n: u128, after: bool) -> SessionId {
    Uuid::from_u128(if after { u128::MAX - n } else { n }).into()
}

pub(crate) fn l5_the_holder_is_found(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    same(&Log::new(&store).lookup()?, &None, "an unknown segment has no session")?;
    let (appended, created) = (Log::new(&store), Log::new(&store));
    appended.append(&entry("{}"))?;
    created.create(&[])?;
    for log in [appended, created] {
        log.truncate(0)?;
        let found = (log.lookup()?, log.through(&other).lookup()?);
        let expected = (Some(log.session_id), Some(log.session_id));
        same(&found, &expected, "the session is found at once, for an empty segment too")?;
    }
    Ok(())
}

pub(crate) fn l5_the_answer_stays(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..2))?;
    let held = |promise: &str| {
        same(&log.lookup()?, &Some(log.session_id), promise)?;
        same(&log.through(&other).lookup()?, &Some(log.session_id), promise)
    };
    for n in 1..5 {
        for after in [false, true] {
            log.in_session(session(n, after)).append(&entry("{}"))?;
            held("other sessions come to hold the segment, the answer stays")?;
        }
    }
    log.truncate(0)?;
    held("truncated to nothing, the segment is still held")?;
    log.create(&numbered(0..3))?;
    log.append(&entry("{}"))?;
    held("a replaced log is still held by the same session")
}

pub(crate) fn l5_the_answer_outlives_the_handles(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    for after in [false, true] {
        log.in_session(session(1, after)).append(&entry("{}"))?;
    }
    same(&log.lookup()?, &Some(log.session_id), "before reopening")?;
    let ids = log.ids();
    drop(store);
    let reopened = run.open()?;
    same(&Log::known(&reopened, ids).lookup()?, &Some(ids.0), "the same answer after reopening")
}

pub(crate) fn l5_others_may_leave(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..1))?;
    for round in 0..4 {
        for after in [false, true] {
            let guest = log.in_session(session(7, after)).through(&other);
            guest.append(&entry("{}"))?;
            same(&log.lookup()?, &Some(log.session_id), &format!("round {round}: one came"))?;
            if round % 2 == 0 {
                guest.delete()?
            } else {
                other.delete_session(guest.session_id)?
            };
            same(&log.lookup()?, &Some(log.session_id), &format!("round {round}: it left"))?;
        }
    }
    Ok(())
}

pub(crate) fn l5_a_deleted_holder_is_not_named(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..1))?;
    let heir = log.in_session(session(3, false));
    heir.append(&entry("{}"))?;
    log.delete()?;
    for store in [&store, &other] {
        let found = log.through(store).lookup()?;
        same(&found, &Some(heir.session_id), "another session still holds the segment")?;
    }
    store.delete_session(heir.session_id)?;
    for store in [&store, &other] {
        same(&log.through(store).lookup()?, &None, "nobody holds the segment any more")?;
    }
    log.append(&entry("{}"))?;
    same(&log.through(&other).lookup()?, &Some(log.session_id), "it is held again")
}

pub(crate) fn l6_many_sessions(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let logs: Vec<_> = (0..MANY).map(|_| Log::new(&store)).collect();
    logs.iter().try_for_each(|log| log.append(&entry("{}")))?;
    let mut expected: Vec<_> = logs.iter().map(|log| log.session_id).collect();
    expected.sort_by(|a, b| b.cmp(a));
    same_ids(&store.list_sessions()?, &expected, "every one of many sessions is listed")?;
    same_ids(&run.open()?.list_sessions()?, &expected, "to a new handle too")?;
    for log in [logs[0], logs[MANY - 1]] {
        same(&log.lookup()?, &Some(log.session_id), "each of many is found")?;
    }
    Ok(())
}

pub(crate) fn l6_many_segments(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let first = Log::new(&store);
    let logs: Vec<_> = (0..MANY).map(|_| first.sibling()).collect();
    logs.iter().try_for_each(|log| log.append(&entry("{}")))?;
    let mut expected: Vec<_> = logs.iter().map(|log| log.segment_id).collect();
    expected.sort_by(|a, b| b.cmp(a));
    let listed = store.list_segments(first.session_id)?;
    same_ids(&listed, &expected, "every one of many segments is listed")?;
    same(&store.list_sessions()?, &vec![first.session_id], "many segments, one session")
}

pub(crate) fn l6_many_entries(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let all = numbered(0..10 * MANY);
    let log = Log::with(&store, &all[..MANY])?;
    log.append_all(&all[MANY..])?;
    log.must_hold(&all, "every one of many entries is read")?;
    let small = log.page(5 * MANY, 1)?.entries;
    same_entries(&small, &all[5 * MANY..5 * MANY + 1], "a page far inside")?;
    log.truncate(10 * MANY - 1)?;
    same(&log.count()?, &(10 * MANY - 1), "many entries less one")
}

pub(crate) fn l6_many_traces(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.trace_each(&numbered_traces(0..MANY))?;
    let page = log.trace_page(0, usize::MAX)?.entries;
    same_entries(&page, &numbered_traces(0..MANY), "every one of many trace entries is read")
}
