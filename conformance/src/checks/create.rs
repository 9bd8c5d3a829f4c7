//! C: creating, replacing, existing and counting.

use session_store_core::{LogEntry, Store, StoreError};

use crate::failure::{Verdict, ensure, ensure_err, same, same_entries};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{entry, numbered, numbered_traces, oddities, trace};
use crate::threads::during;

pub(crate) fn c1_entries_in_order(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.create(&numbered(0..50))?;
    log.must_hold(&numbered(0..50), "create_segment stores the entries in order")?;
    same(&log.lookup()?, &Some(log.session_id), "a created segment is found")?;
    log.append(&numbered(50..51)[0])?;
    log.must_hold(&numbered(0..51), "an append goes on after them")
}

pub(crate) fn c1_an_empty_segment_exists(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.create(&[])?;
    log.must_hold(&[], "a segment created with nothing exists and counts 0")?;
    same(&store.list_sessions()?, &vec![log.session_id], "its session is listed")?;
    log.append(&numbered(0..1)[0])?;
    log.must_hold(&numbered(0..1), "the first append to it")
}

pub(crate) fn c2_it_replaces_the_whole_log(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &oddities())?;
    let sibling = log.sibling();
    sibling.append_all(&numbered(0..3))?;
    for entries in [numbered(0..2), numbered(10..60), numbered(7..8), Vec::new(), oddities()] {
        log.create(&entries)?;
        log.must_hold(&entries, "create_segment on an existing segment replaces its log")?;
    }
    sibling.must_hold(&numbered(0..3), "its sibling stays as it is")?;
    let segments = store.list_segments(log.session_id)?;
    same(&segments.len(), &2, "replacing makes no further segment")
}

pub(crate) fn c2_traces_stay(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    log.trace_each(&numbered_traces(0..3))?;
    log.create(&numbered(5..6))?;
    same_entries(&log.traces()?, &numbered_traces(0..3), "replacing a log leaves its trace")
}

fn longer() -> Vec<LogEntry> {
    (0..30).map(|n| entry(format!(r#"{{"new":{n},"p":"{}"}}"#, "x".repeat(n * 17)))).collect()
}

pub(crate) fn c2_readers_see_the_old_or_the_new(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let (old, new) = (numbered(0..4), longer());
    let log = Log::with(&writer, &old)?;
    let seen = log.through(&reader);
    during(
        |round| Ok(log.create(if round % 2 == 0 { &new } else { &old })?),
        || {
            let entries = seen.entries()?;
            let expected = if entries.len() == old.len() { &old } else { &new };
            same_entries(&entries, expected, "a reader sees the old log or the new one")?;
            let count = seen.count()?;
            ensure!([old.len(), new.len()].contains(&count), "a count of {count} is neither's");
            seen.must_exist("a segment exists while it is replaced")?;
            same(&seen.lookup()?, &Some(log.session_id), "it is found while it is replaced")
        },
    )
}

pub(crate) fn c2_page_readers_can_tell(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let (old, new) = (numbered(0..4), longer());
    let log = Log::with(&writer, &old)?;
    let seen = log.through(&reader);
    during(
        |round| Ok(log.create(if round % 2 == 0 { &new } else { &old })?),
        || {
            let first = seen.page(0, 20)?;
            let mut entries = first.entries;
            while entries.len() < first.head.entries() {
                let page = seen.page(entries.len(), 200)?;
                if page.head != first.head {
                    // The reader knows that it must start anew.
                    return Ok(());
                }
                ensure!(!page.entries.is_empty(), "an empty page before the end");
                entries.extend(page.entries);
            }
            let expected = if entries.len() == old.len() { &old } else { &new };
            same_entries(&entries, expected, "pages of one head are of one log")
        },
    )
}

pub(crate) fn c3_exists_from_the_first_entry_on(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (appended, created) = (Log::new(&store), Log::new(&store));
    same(&appended.exists()?, &false, "before the first append")?;
    appended.append(&entry("{}"))?;
    created.create(&[])?;
    same(&(appended.exists()?, created.exists()?), &(true, true), "from the first change on")?;
    appended.truncate(0)?;
    same(&appended.exists()?, &true, "an emptied segment exists")?;
    same(&appended.namesake().exists()?, &false, "under another session it does not")
}

pub(crate) fn c3_asking_creates_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    for _ in 0..2 {
        same(&log.exists()?, &false, "an unknown segment does not exist")?;
    }
    log.must_be_absent("after asking whether it exists")?;
    same(&store.list_sessions()?, &Vec::new(), "asking makes no session")
}

pub(crate) fn c4_the_count_is_what_is_read(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let agree = |entries: usize| {
        same(&log.count()?, &entries, "read_entry_count")?;
        same(&log.entries()?.len(), &entries, "the entries that are read")
    };
    log.create(&[])?;
    agree(0)?;
    log.append(&entry("{}"))?;
    agree(1)?;
    log.append_all(&oddities())?;
    agree(1 + oddities().len())?;
    log.truncate(5)?;
    agree(5)?;
    log.create(&numbered(0..9))?;
    agree(9)?;
    log.truncate(0)?;
    agree(0)
}

pub(crate) fn c4_traces_do_not_count(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..2))?;
    for _ in 0..3 {
        log.trace(&trace("{}"))?;
    }
    same(&log.count()?, &2, "traces do not count")
}

pub(crate) fn c4_unknown_is_not_found(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    for unknown in [Log::new(&store), log.sibling(), log.namesake()] {
        let id = unknown.segment_id;
        ensure_err!(unknown.count(), StoreError::NotFound(segment) if *segment == id);
    }
    Ok(())
}

pub(crate) fn c5_a_writer_sees_that_it_is_not_alone(run: &Run<'_>) -> Verdict {
    let (ours, theirs) = (run.open()?, run.open()?);
    let log = Log::new(&ours);
    log.append(&entry("{}"))?;
    for n in 1..20 {
        same(&log.count()?, &n, "the count before another writer's append")?;
        log.through(&theirs).append(&entry("{}"))?;
        same(&log.count()?, &(n + 1), "the count right after another writer's append")?;
        same(&log.known_head()?.entries(), &(n + 1), "the head right after it")?;
    }
    log.through(&theirs).truncate(2)?;
    same(&log.count()?, &2, "the count right after another writer's truncate")
}
