//! Compares the indexes with the keys that they list, and repairs the indexes.
//!
//! An index is a key that lists segments, sessions, traces, or the sessions that hold a segment. An
//! index can be lost although the logs exist: the server evicts the index, another program deletes
//! it, or a failover loses its last change. Every index can be computed from the other keys.

use std::fmt::Display;

use session_store_core::{Finding, SegmentKey, SessionId, Severity};

use crate::batch::{self, Query};
use crate::client::Client;
use crate::error::RequestError;
use crate::keys::{StoredKey, Tag};
use crate::script::{Call, INDEX, READ_SEGMENTS, READ_SESSIONS};
use crate::{listing, lookup, scan};

/// The number of indexes that are read at the same time, each by a page of up to 1,000 ids.
const SETS: usize = 50;

/// A difference between an index and the keys that it should list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A segment that is not in the list of its session's segments.
    UnlistedSegment(SegmentKey),
    /// A session that has a list of segments and is not in the list of sessions.
    UnlistedSession(SessionId),
    /// A trace that is not in the list of its session's traces.
    UnlistedTrace(SegmentKey),
    /// A segment whose session is not in the set of the sessions that hold the segment.
    UnlistedHolder(SegmentKey),
    /// A listed segment that has no keys.
    LostSegment(SegmentKey),
    /// A listed session without a list of segments.
    LostSession(SessionId),
    /// A listed trace that does not exist.
    LostTrace(SegmentKey),
}

type Report<'a> = &'a mut dyn FnMut(Defect) -> Result<(), RequestError>;

/// Reports the defects that these keys show, and changes nothing. All defects are found if the
/// function is called for the keys of a whole scan.
pub(crate) fn check(
    client: &Client,
    keys: &[StoredKey],
    report: Report<'_>,
) -> Result<(), RequestError> {
    check_segments(client, &of_segments(keys), report)?;
    check_lookups(client, &logs(keys), report)?;
    let sessions: Vec<_> = keys.iter().filter_map(|&key| session(key)).collect();
    check_sessions(client, &sessions, report)?;
    let indexes: Vec<_> = keys.iter().copied().filter(is_index).collect();
    indexes.chunks(SETS).try_for_each(|indexes| check_members(client, indexes, report))
}

/// Repairs every defect, and reports it afterwards.
///
/// The first pass adds the missing members of the indexes. The second pass removes the members that
/// have no keys. The second pass needs complete indexes: a session, for example, is lost only if
/// the first pass found no segment to list for the session.
pub(crate) fn repair(client: &Client, report: Report<'_>) -> Result<(), RequestError> {
    for removes in [false, true] {
        let mut repair = |defect: Defect| {
            if defect.is_lost() != removes {
                return Ok(());
            }
            defect.repair(client)?;
            report(defect)
        };
        scan::keys(client, &mut |keys| check(client, &keys, &mut repair))?;
    }
    Ok(())
}

/// A segment, and the key by which the scan found it: a key of the segment itself, or an index that
/// lists it.
///
/// The scan finds a segment once for each of these keys. Each kind of defect is reported for one
/// kind of key only, so a defect is reported once.
struct Found {
    key: SegmentKey,
    by: StoredKey,
}

fn of_segments(keys: &[StoredKey]) -> Vec<Found> {
    let found = |&by: &StoredKey| match by {
        StoredKey::Log(key) | StoredKey::Entries(key) | StoredKey::Trace(key) => {
            Some(Found { key, by })
        }
        _ => None,
    };
    keys.iter().filter_map(found).collect()
}

fn logs(keys: &[StoredKey]) -> Vec<SegmentKey> {
    let log = |key: &StoredKey| if let StoredKey::Log(key) = key { Some(*key) } else { None };
    keys.iter().filter_map(log).collect()
}

fn session(key: StoredKey) -> Option<SessionId> {
    if let StoredKey::Segments(session_id) = key { Some(session_id) } else { None }
}

fn is_index(key: &StoredKey) -> bool {
    matches!(key, StoredKey::Sessions(_) | StoredKey::Segments(_) | StoredKey::Traces(_))
}

/// Checks the members of index keys.
fn check_members(
    client: &Client,
    indexes: &[StoredKey],
    report: Report<'_>,
) -> Result<(), RequestError> {
    let buckets = indexes.iter().filter_map(|&key| match key {
        StoredKey::Sessions(tag) => Some((tag, client.keys.sessions(tag))),
        _ => None,
    });
    listing::for_each_page(client, &buckets.collect::<Vec<_>>(), &mut |_, ids| {
        check_sessions(client, &ids, report)
    })?;
    let by_session = indexes.iter().filter_map(|&by| match by {
        StoredKey::Segments(id) => Some((by, id, client.keys.segments(id))),
        StoredKey::Traces(id) => Some((by, id, client.keys.traces(id))),
        _ => None,
    });
    let by_session: Vec<_> = by_session.collect();
    let set = |(_, id, key): &(StoredKey, SessionId, String)| (Tag::of_session(*id), key.clone());
    let sets: Vec<_> = by_session.iter().map(set).collect();
    listing::for_each_page(client, &sets, &mut |index, ids| {
        let (by, session_id, _) = by_session[index];
        let found = |id| Found { key: SegmentKey::new(session_id, id), by };
        check_segments(client, &ids.into_iter().map(found).collect::<Vec<_>>(), report)
    })
}

/// The keys of a segment that exist, and the indexes that list the segment, at one moment.
struct SegmentState {
    log: bool,
    entries: bool,
    listed: bool,
    /// Whether there is a trace, or the quarantine that remains of a trace without an entry.
    trace: bool,
    trace_listed: bool,
}

impl SegmentState {
    fn defect(&self, found: &Found) -> Option<Defect> {
        let Self { log, entries, listed, trace, trace_listed } = *self;
        let Found { key, by } = *found;
        match by {
            StoredKey::Log(_) if log && !listed => Some(Defect::UnlistedSegment(key)),
            StoredKey::Entries(_) if entries && !log && !listed => {
                Some(Defect::UnlistedSegment(key))
            }
            StoredKey::Trace(_) if trace && !trace_listed => Some(Defect::UnlistedTrace(key)),
            StoredKey::Segments(_) if listed && !log && !entries => Some(Defect::LostSegment(key)),
            StoredKey::Traces(_) if trace_listed && !trace => Some(Defect::LostTrace(key)),
            _ => None,
        }
    }
}

fn check_segments(
    client: &Client,
    found: &[Found],
    report: Report<'_>,
) -> Result<(), RequestError> {
    let query = |&Found { key, .. }: &Found| Query {
        tag: Tag::of_session(key.session_id),
        keys: segment_keys(client, key).into(),
        arg: Some(key.segment_id.to_string()),
    };
    let states = batch::read(client, &READ_SEGMENTS, found.iter().map(query).collect())?;
    for (found, state) in found.iter().zip(states) {
        let [log, entries, listed, trace, trace_listed] = flags(&state)?;
        let state = SegmentState { log, entries, listed, trace, trace_listed };
        state.defect(found).map_or(Ok(()), &mut *report)?;
    }
    Ok(())
}

/// Returns the keys of a segment that the scripts of this module declare.
fn segment_keys(client: &Client, key: SegmentKey) -> [String; 6] {
    let keys = &client.keys;
    let (segments, traces) = (keys.segments(key.session_id), keys.traces(key.session_id));
    [keys.log(key), keys.entries(key), segments, keys.trace(key), keys.quarantine(key), traces]
}

fn check_sessions(
    client: &Client,
    session_ids: &[SessionId],
    report: Report<'_>,
) -> Result<(), RequestError> {
    let query = |&session_id: &SessionId| {
        let tag = Tag::of_session(session_id);
        let keys = vec![client.keys.segments(session_id), client.keys.sessions(tag)];
        Query { tag, keys, arg: Some(session_id.to_string()) }
    };
    let states = batch::read(client, &READ_SESSIONS, session_ids.iter().map(query).collect())?;
    for (&session_id, state) in session_ids.iter().zip(states) {
        match flags(&state)? {
            [true, false] => report(Defect::UnlistedSession(session_id))?,
            [false, true] => report(Defect::LostSession(session_id))?,
            _ => {}
        }
    }
    Ok(())
}

fn check_lookups(
    client: &Client,
    logs: &[SegmentKey],
    report: Report<'_>,
) -> Result<(), RequestError> {
    let registered = lookup::are_registered(client, logs)?;
    let missing = logs.iter().zip(registered).filter(|(_, registered)| !registered);
    missing.map(|(&key, _)| Defect::UnlistedHolder(key)).try_for_each(report)
}

/// Parses the reply of a script: a digit 0 or 1 for each fact.
fn flags<const N: usize>(text: &[u8]) -> Result<[bool; N], RequestError> {
    let flags: Vec<_> = text.iter().map(|&digit| digit == b'1').collect();
    flags.try_into().map_err(|_| RequestError::UnexpectedReply)
}

fn index_session(client: &Client, session_id: SessionId) -> Result<(), RequestError> {
    let sessions = client.keys.sessions(Tag::of_session(session_id));
    index(client, session_id, sessions, &session_id, [client.keys.segments(session_id)])
}

/// Adds a member to an index if one of the keys exists. Otherwise removes the member.
///
/// The script checks the keys and changes the index in one atomic step. A copy of the call that
/// arrives late is therefore harmless. A change that another handle makes after the defect was
/// found is harmless too.
fn index<const N: usize>(
    client: &Client,
    session_id: SessionId,
    index: String,
    member: &dyn Display,
    keys: [String; N],
) -> Result<(), RequestError> {
    let tag = Tag::of_session(session_id);
    let call = Call::new(&INDEX, tag)
        .keys([index, client.keys.never(tag)])
        .keys(keys)
        .arg(member.to_string());
    client.read(&call).map(drop)
}

impl Defect {
    /// Returns whether an index lists a segment, session or trace that does not exist.
    fn is_lost(self) -> bool {
        matches!(self, Self::LostSegment(_) | Self::LostSession(_) | Self::LostTrace(_))
    }

    fn repair(self, client: &Client) -> Result<(), RequestError> {
        let keys = &client.keys;
        match self {
            Self::UnlistedHolder(key) => lookup::add(client, key),
            Self::UnlistedSession(session_id) | Self::LostSession(session_id) => {
                index_session(client, session_id)
            }
            Self::UnlistedTrace(key) | Self::LostTrace(key) => {
                let (session_id, segment_id) = (key.session_id, key.segment_id);
                let traces = keys.traces(session_id);
                let of_trace = [keys.trace(key), keys.quarantine(key)];
                index(client, session_id, traces, &segment_id, of_trace)
            }
            Self::UnlistedSegment(key) | Self::LostSegment(key) => {
                let (session_id, segment_id) = (key.session_id, key.segment_id);
                let (segments, of_log) =
                    (keys.segments(session_id), [keys.log(key), keys.entries(key)]);
                index(client, session_id, segments, &segment_id, of_log)?;
                index_session(client, session_id)
            }
        }
    }

    /// Returns the finding of a check.
    pub(crate) fn fault(self) -> Finding {
        let (cause, remedy) = match self {
            Self::UnlistedSegment(_) => (
                "the segment has a log, but the list of the session's segments does not name it",
                "a repair adds the segment to the list",
            ),
            Self::UnlistedSession(_) => (
                "the session has segments, but the list of sessions does not name it",
                "a repair adds the session to the list",
            ),
            Self::UnlistedTrace(_) => (
                "the list of the session's traces does not name the trace",
                "a repair adds the trace to the list",
            ),
            Self::UnlistedHolder(_) => {
                ("the lookup entry is missing", "repair the store, which adds the entry")
            }
            Self::LostSegment(_) => (
                "the segment is listed, but its log and its entries are missing",
                "restore the segment from a backup; a repair removes it from the list",
            ),
            Self::LostSession(_) => (
                "the session is listed, but the list of its segments is missing",
                "a repair lists the segments that exist, or removes the session from the list",
            ),
            Self::LostTrace(_) => (
                "the trace is listed, but missing",
                "restore the trace from a backup; a repair removes it from the list",
            ),
        };
        Finding::new(Severity::Fault, self.place(), cause).with_remedy(remedy).repairable()
    }

    /// Returns the finding of a repair.
    pub(crate) fn repaired(self) -> Finding {
        let cause = match self {
            Self::UnlistedSegment(_) => "added the segment to the list of the session's segments",
            Self::UnlistedSession(_) => "added the session to the list of sessions",
            Self::UnlistedTrace(_) => "added the trace to the list of the session's traces",
            Self::UnlistedHolder(_) => "added the missing lookup entry",
            Self::LostSegment(_) => "removed the segment, whose log is missing, from the list",
            Self::LostSession(_) => "removed the session, which has no segments, from the list",
            Self::LostTrace(_) => "removed the trace, which is missing, from the list",
        };
        Finding::new(Severity::Note, self.place(), cause)
    }

    fn place(self) -> String {
        match self {
            Self::UnlistedSession(session_id) | Self::LostSession(session_id) => {
                format!("session {session_id}")
            }
            Self::UnlistedTrace(key) | Self::LostTrace(key) => format!("trace of {key}"),
            Self::UnlistedSegment(key) | Self::UnlistedHolder(key) | Self::LostSegment(key) => {
                key.to_string()
            }
        }
    }
}
