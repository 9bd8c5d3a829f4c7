//! Reads facts about all segments of a store, many sessions with one call.

use std::time::SystemTime;

use session_store::{ListOptions, OpenStore, SegmentInfo, SegmentKey, SessionId, Store, StoreExt};
use session_store_agent::is_claims_session;

use crate::failure::{Context, Failure};
use crate::store::{list_segments, list_sessions};

/// The number of sessions that the first call reads. A small number, so that the first lines are
/// printed soon.
const FIRST_PAGE: usize = 100;

/// The factor by which the number grows with each call. It is large, because a call can list the
/// ids of all sessions before it reads its page.
const GROWTH: usize = 16;

/// The largest number of sessions that one call reads.
const LARGEST_PAGE: usize = 25_600;

/// A session and its segments, or the error if the segments cannot be listed.
pub(crate) struct ListedSession {
    pub(crate) session_id: SessionId,
    pub(crate) segments: Result<Vec<ListedSegment>, Failure>,
}

/// A segment and its facts (head, size and time), or the error if the facts cannot be read.
pub(crate) struct ListedSegment {
    pub(crate) key: SegmentKey,
    pub(crate) info: Result<SegmentInfo, Failure>,
}

impl ListedSession {
    /// Returns the facts of the segments that could be read.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &SegmentInfo> {
        let segments = self.segments.as_deref().unwrap_or_default();
        segments.iter().filter_map(|segment| segment.info.as_ref().ok())
    }

    /// Returns the time of the last change that the storage records.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.infos().filter_map(|info| info.modified).max()
    }
}

impl ListedSegment {
    /// Returns the time of the last change that the storage records.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.info.as_ref().ok()?.modified
    }
}

/// Calls `visit` for each session that contains a conversation. Skips the session in which older
/// versions of the agent crate recorded the first use of each pod name.
///
/// One call to the store returns the facts of many sessions, because a call for each segment is
/// slow on a server. If the call fails, the segments of these sessions are read one by one, so that
/// one unreadable segment does not hide the others.
pub(crate) fn for_each_session(
    store: &OpenStore,
    mut visit: impl FnMut(ListedSession) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut options, mut limit) = (ListOptions::new(), FIRST_PAGE);
    loop {
        let page = read_page(store, options, limit)?;
        let Some(last) = page.last() else { return Ok(()) };
        options = options.after(last.session_id);
        limit = LARGEST_PAGE.min(GROWTH * limit);
        // A session that was deleted after the listing has no segments.
        let is_deleted =
            |session: &ListedSession| session.segments.as_ref().is_ok_and(Vec::is_empty);
        let shown = |session: &ListedSession| {
            !is_claims_session(session.session_id) && !is_deleted(session)
        };
        page.into_iter().filter(shown).try_for_each(&mut visit)?;
    }
}

/// Reads at most `limit` of the sessions that the options select. The page is empty only if there
/// are none.
fn read_page(
    store: &OpenStore,
    options: ListOptions,
    limit: usize,
) -> Result<Vec<ListedSession>, Failure> {
    let infos = match store.list_infos(&options.limit(limit)) {
        // The page is also empty if all its sessions were deleted during the read. There are no
        // further sessions only if a page without a limit is empty too.
        Ok(infos) if infos.is_empty() => store.list_infos(&options),
        infos => infos,
    };
    let Ok(infos) = infos else {
        let sessions = options.limit(limit).select(list_sessions(store)?);
        return Ok(sessions.into_iter().map(|id| read_session(store, id)).collect());
    };
    let sessions = infos.chunk_by(|(a, _), (b, _)| a.session_id == b.session_id);
    let listed = |&(key, info): &(SegmentKey, SegmentInfo)| ListedSegment { key, info: Ok(info) };
    Ok(sessions
        .map(|segments| ListedSession {
            session_id: segments[0].0.session_id,
            segments: Ok(segments.iter().map(listed).collect()),
        })
        .collect())
}

/// Reads the facts of one session, segment by segment.
pub(crate) fn read_session(store: &OpenStore, session_id: SessionId) -> ListedSession {
    let read_segment = |segment_id| {
        let key = SegmentKey { session_id, segment_id };
        let info = store.at(key).info().context(|| format!("read {key} from {}", store.url()));
        // Leave out a segment that was deleted after the listing.
        Some(ListedSegment { key, info: info.transpose()? })
    };
    let segments = list_segments(store, session_id)
        .map(|segments| segments.into_iter().filter_map(read_segment).collect());
    ListedSession { session_id, segments }
}
