//! Chooses the segments or sessions that `rm` deletes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::time::SystemTime;

use session_store::{OpenStore, PodName, SegmentId, SegmentKey, SessionId, Store};

use super::{Deletion, heads_of};
use crate::args::RmArgs;
use crate::content_time::ContentTime;
use crate::failure::{Context, Failure};
use crate::listing::{ListedSegment, ListedSession, for_each_session};
use crate::message::note;
use crate::reference::Reference;
use crate::store::{list_segments, unknown_session};
use crate::text::plural;

/// Returns the segments and sessions to delete.
///
/// A pod is a named agent with a pointer to its active session. Without `--force`, a segment or
/// session to which a pod points is not deleted. If the user has named the segment or session, this
/// is an error. If it was only chosen by its age or rank, it is kept.
pub(super) fn deletions(args: &RmArgs, store: &OpenStore) -> Result<Vec<Deletion>, Failure> {
    let pods = if args.force { Pointers::default() } else { Pointers::read(store)? };
    if args.older_than.is_some() || args.keep.is_some() {
        let mut expired = expired(args, store)?;
        expired.retain(|deletion| match pods.pod_at(deletion) {
            Some(pod) => {
                note(&format!("kept {deletion}: pod {pod} points to it"));
                false
            }
            None => true,
        });
        return Ok(expired);
    }
    let mut named =
        if args.segments.is_empty() { sessions(args, store)? } else { segments(args, store)? };
    let mut seen = HashSet::new();
    named.retain(|deletion| seen.insert((deletion.session_id, deletion.segment_id)));
    match named.iter().find_map(|deletion| Some((deletion, pods.pod_at(deletion)?))) {
        Some((deletion, pod)) => {
            let cause = format!("pod {pod} points to it; use --force to delete it all the same");
            Err(Failure::cannot(deletion.operation(store), cause))
        }
        None => Ok(named),
    }
}

fn segments(args: &RmArgs, store: &OpenStore) -> Result<Vec<Deletion>, Failure> {
    let session = match &args.sessions[..] {
        [] => None,
        [session] => Some(session),
        _ => return Err(Failure::cannot("find the segments", "--session names several sessions")),
    };
    let resolve = |segment: &Reference<SegmentId>| {
        let SegmentKey { session_id, segment_id } = segment.resolve(session, store)?;
        Ok(Deletion { session_id, segment_id: Some(segment_id), segments: 1, heads: None })
    };
    args.segments.iter().map(resolve).collect()
}

fn sessions(args: &RmArgs, store: &OpenStore) -> Result<Vec<Deletion>, Failure> {
    let resolve = |session: Reference<SessionId>| {
        let session_id = session.resolve(store)?;
        match list_segments(store, session_id)?.len() {
            0 => Err(unknown_session(store, session_id)),
            segments => Ok(Deletion { session_id, segment_id: None, segments, heads: None }),
        }
    };
    let further = if args.stdin { read_ids()? } else { Vec::new() };
    args.sessions.iter().cloned().chain(further).map(resolve).collect()
}

/// Reads references to sessions from standard input, one on each line. Blank lines are skipped.
fn read_ids() -> Result<Vec<Reference<SessionId>>, Failure> {
    let mut references = Vec::new();
    for (index, line) in io::stdin().lines().enumerate() {
        let line = line.context(|| "read standard input".to_owned())?;
        if !line.trim().is_empty() {
            let operation = format!("read line {} of standard input", index + 1);
            let reference = line.trim().parse();
            references.push(reference.map_err(|cause| Failure::cannot(operation, cause))?);
        }
    }
    Ok(references)
}

/// Returns the sessions that were last written before `--older-than`, except the last `--keep`
/// sessions by that time.
fn expired(args: &RmArgs, store: &OpenStore) -> Result<Vec<Deletion>, Failure> {
    let mut sessions = Vec::new();
    for_each_session(store, |session| {
        match last_change(&session) {
            Some(changed) => {
                let content = ContentTime::of_session(store, &session).map(|found| found.time);
                let session_id = session.session_id;
                let heads = heads_of(session)?;
                let segments = heads.len();
                let deletion =
                    Deletion { session_id, segment_id: None, segments, heads: Some(heads) };
                // Either of the two times alone can be too early, and would delete a session too
                // soon. The clock of an agent can be wrong, and a restored file can have an old
                // time.
                let time = content.map_or(changed, |content| content.max(changed));
                sessions.push(Candidate { deletion, time, content });
            }
            None => {
                session.segments?;
                let unknown = "the time of its last write is unknown";
                note(&format!("kept session {}: {unknown}", session.session_id));
            }
        }
        Ok(())
    })?;
    sessions.sort_by_key(|session| Reverse(session.time));
    let by_rank = sessions.into_iter().skip(args.keep.unwrap_or(0));
    let is_old = |time: SystemTime| args.older_than.is_none_or(|limit| time < limit);
    let (old, young): (Vec<_>, Vec<_>) = by_rank.partition(|session| is_old(session.time));
    let changed_since = young.iter().filter(|session| session.content.is_some_and(is_old)).count();
    if changed_since > 0 {
        let sessions = plural(changed_since, "session", "sessions");
        note(&format!(
            "kept {sessions} with older entries, because the storage records a later change, such \
             as their import; ls --until lists such sessions, and rm --stdin deletes them by id"
        ));
    }
    Ok(old.into_iter().map(|session| session.deletion).collect())
}

/// A session that `--older-than` or `--keep` can delete.
struct Candidate {
    deletion: Deletion,
    /// The later one of two times: the time of the content, and the last change that the storage
    /// records.
    time: SystemTime,
    /// The time of the content.
    content: Option<SystemTime>,
}

/// Returns the last change that the storage records for a session. Returns `None` if the storage
/// does not record a time of each segment.
fn last_change(session: &ListedSession) -> Option<SystemTime> {
    let segments = session.segments.as_ref().ok()?;
    let times: Option<Vec<_>> = segments.iter().map(ListedSegment::modified).collect();
    times?.into_iter().max()
}

/// The segments and sessions that the pods of a store point to, with the name of a pod.
#[derive(Default)]
struct Pointers {
    sessions: BTreeMap<SessionId, PodName>,
    segments: BTreeMap<SegmentKey, PodName>,
}

impl Pointers {
    fn read(store: &OpenStore) -> Result<Self, Failure> {
        let mut pointers = Self::default();
        let Some(pods) = store.pods() else { return Ok(pointers) };
        for name in pods.list_pods().context(|| format!("list the pods of {}", store.url()))? {
            let pod = pods.read_pod(&name);
            let pod = pod.context(|| format!("read pod {name} from {}", store.url()))?;
            let Some(active) = pod.and_then(|pod| pod.active()) else { continue };
            if let Some(segment_id) = active.segment_id {
                let key = SegmentKey::new(active.session_id, segment_id);
                pointers.segments.insert(key, name.clone());
            }
            pointers.sessions.insert(active.session_id, name);
        }
        Ok(pointers)
    }

    fn pod_at(&self, deletion: &Deletion) -> Option<&PodName> {
        match deletion.segment_id {
            Some(segment_id) => {
                self.segments.get(&SegmentKey::new(deletion.session_id, segment_id))
            }
            None => self.sessions.get(&deletion.session_id),
        }
    }
}
