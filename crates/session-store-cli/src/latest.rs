//! Finds the session or the segment that was written last, for the reference `latest`.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use session_store::{OpenStore, SegmentKey, SessionId};

use crate::content_time::ContentTime;
use crate::failure::Failure;
use crate::listing::{ListedSegment, ListedSession, for_each_session};

/// The time by which the clock of a storage can be behind the clock of the writer. A file system
/// can use a coarse clock or whole seconds, and a server has a clock of its own.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// The number of sessions whose times are read first. Each round doubles the number.
const FIRST_ROUND: usize = 16;

/// Returns the session that `ls --sort written` lists first.
pub(crate) fn latest_session(store: &OpenStore) -> Result<Option<SessionId>, Failure> {
    let mut sessions = Vec::new();
    for_each_session(store, |session| {
        let segments = session.segments?;
        let session = ListedSession { segments: Ok(segments), ..session };
        sessions.push((session.modified(), session));
        Ok(())
    })?;
    // A session without a storage time is read first.
    sessions.sort_by_key(|(modified, _)| (modified.is_some(), Reverse(*modified)));
    let mut latest: Option<(Option<SystemTime>, SessionId)> = None;
    let (mut rest, mut round) = (&sessions[..], FIRST_ROUND);
    while let Some((first, _)) = rest.first() {
        // A program sets the time of an entry before it stores the entry. `first` is the latest
        // storage time of the remaining sessions. If it is well before the latest time of an entry
        // so far, no entry of the remaining sessions can have a later time.
        if let (Some(modified), Some((Some(time), _))) = (first, latest)
            && time.duration_since(*modified).is_ok_and(|age| age > CLOCK_DIFFERENCE)
        {
            break;
        }
        let (read, later) = rest.split_at(round.min(rest.len()));
        let read: Vec<_> = read.iter().map(|(_, session)| session).collect();
        let times = ContentTime::of_sessions(store, &read).into_iter();
        let times = times.map(|content| content.map(|content| content.time));
        let ids = read.iter().map(|session| session.session_id);
        latest = times.zip(ids).max().max(latest);
        (rest, round) = (later, 2 * round);
    }
    Ok(latest.map(|(_, session_id)| session_id))
}

/// Returns the segment with the latest content. If several have the same time, returns the one with
/// the newest id.
pub(crate) fn latest_segment(store: &OpenStore, segments: &[ListedSegment]) -> Option<SegmentKey> {
    let time = |segment: &ListedSegment| Some(ContentTime::of_segment(store, segment)?.time);
    let latest = segments.iter().max_by_key(|segment| (time(segment), segment.key));
    latest.map(|segment| segment.key)
}
