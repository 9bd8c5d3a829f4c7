//! `ContentTime`: the time of the last entry of a session or a segment, or the best known time in
//! its place. Listings, `latest`, `--since` and `--until` use this time.

use std::panic::resume_unwind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{slice, thread};

use serde::Serialize;
use session_store::{LogEntry, OpenStore, Pages, StoreExt};
use session_store_import::time_of;
use uuid::Uuid;

use crate::listing::{ListedSegment, ListedSession};

/// The number of entries at the end of a log that are searched for a time. The last entry can lack
/// a time, and the times of a log do not always ascend.
const LAST_ENTRIES: usize = 16;

/// The number of threads that read the times of many sessions. More than the processors of a small
/// machine, because a thread waits for a server or a disk.
const READERS: usize = 8;

/// The smallest number of sessions for which a thread is started.
const SMALLEST_PART: usize = 16;

/// The time of the content of a session or a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentTime {
    pub(crate) time: SystemTime,
    pub(crate) source: TimeSource,
}

/// The place in which a time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimeSource {
    /// The last entries of the logs.
    Entry,
    /// The newest id of the session and its segments. Not every kind of UUID contains a time.
    Id,
    /// The storage, which records the last change of each log. An import is such a change.
    Storage,
}

impl ContentTime {
    /// Reads the last entries of a session. Returns `None` if nothing records a time.
    pub(crate) fn of_session(store: &OpenStore, session: &ListedSession) -> Option<Self> {
        let segments = session.segments.as_deref().unwrap_or_default();
        Self::read(store, segments, session.session_id.into())
    }

    /// Reads the last entries of many sessions, on several threads. Returns a time for each
    /// session, in the same order.
    pub(crate) fn of_sessions(store: &OpenStore, sessions: &[&ListedSession]) -> Vec<Option<Self>> {
        let of_part = |part: &[&ListedSession]| -> Vec<_> {
            part.iter().map(|session| Self::of_session(store, session)).collect()
        };
        let part = sessions.len().div_ceil(READERS).max(SMALLEST_PART);
        thread::scope(|scope| {
            let parts = sessions.chunks(part).map(|part| scope.spawn(move || of_part(part)));
            let parts: Vec<_> = parts.collect();
            parts
                .into_iter()
                .flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    /// Reads the last entries of a segment. Returns `None` if nothing records a time.
    pub(crate) fn of_segment(store: &OpenStore, segment: &ListedSegment) -> Option<Self> {
        Self::read(store, slice::from_ref(segment), segment.key.segment_id.into())
    }

    fn read(store: &OpenStore, segments: &[ListedSegment], id: Uuid) -> Option<Self> {
        let in_entries = || segments.iter().filter_map(|each| last_entry_time(store, each)).max();
        let in_ids = || {
            let ids = segments.iter().map(|segment| Uuid::from(segment.key.segment_id));
            ids.chain([id]).filter_map(time_in_id).max()
        };
        let in_storage = || segments.iter().filter_map(ListedSegment::modified).max();
        let found = |source| move |time| Self { time, source };
        (in_entries().map(found(TimeSource::Entry)))
            .or_else(|| in_ids().map(found(TimeSource::Id)))
            .or_else(|| in_storage().map(found(TimeSource::Storage)))
    }
}

/// Returns the latest time of the last entries of a log. An entry that cannot be read has no time.
fn last_entry_time(store: &OpenStore, segment: &ListedSegment) -> Option<SystemTime> {
    let entries = segment.info.as_ref().ok()?.head.entries();
    let pages = Pages::new(entries.saturating_sub(LAST_ENTRIES)).skip_bad_lines();
    let last = store.at(segment.key).iterate::<LogEntry>(pages);
    last.filter_map(|entry| time_of(&entry.ok()?)).max()
}

/// Returns the time of creation that an id contains.
pub(crate) fn time_in_id(id: Uuid) -> Option<SystemTime> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}
