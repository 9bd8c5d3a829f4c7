//! Resuming by name: from a pod to a writer at the end of its active segment.
//!
//! Why claims: a pod can be read and put, but not put on condition, and with reads and puts alone two
//! processes can't agree on anything. What they can agree on is a head. So the first use of a name is
//! decided in a log of its own, the claims, by `append_if`: the pod is put from what the claim says, by
//! whoever sees it first, so a process that dies on the way holds up nobody. Ids derived from the name
//! would need no claims, but would give two stores the same sessions, sort them among those of all ages,
//! and bring a deleted pod's old session back.

use serde::{Deserialize, Serialize};
use session_store_core::{
    ActiveSegment, LogEntry, PodName, PodStore, SegmentId, SessionId, Store, StoreError,
};
use uuid::Uuid;

use crate::pointer::pointed;
use crate::{AgentError, RestoredState, SegmentWriter, restore};

/// Opens a writer where the pod's conversation goes on, with the state there. At the first use of the name
/// this creates a session, whose first segment begins with `opening`, and the pod that points to it.
///
/// Any number of processes may do so at once: all end in one session. A pod that points to a session but
/// to no segment is opened at the session's newest segment. A pod without a pointer gets one, and keeps its
/// other fields.
///
/// First uses are decided in a session of their own, [`claims_session`], with a small segment per name. It
/// is listed like any other and can be deleted while no first use is under way.
///
/// # Errors
/// [`AgentError::NoPods`]; those of `opening`; [`StoreError::NotFound`] where the pod points to a segment
/// that is gone; else as [`restore`](crate::restore()) and the methods of [`PodStore`].
pub fn open_pod<S: Store>(
    store: S,
    name: &PodName,
    opening: impl FnOnce(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let pods = store.pods().ok_or_else(|| AgentError::NoPods(name.clone()))?;
    let (session_id, segment_id) = match active_of(pods, name)? {
        Some(active) => (active.session_id, resolve(&store, active, opening)?),
        None => first_use(&store, pods, name, opening)?,
    };
    restore(store, session_id, segment_id)
}

/// Makes the pod point to a segment: after a fork or a compaction, for instance. Creates the pod if there is
/// none; its other fields are kept, unless somebody changes them at the same moment.
///
/// # Errors
/// [`AgentError::NoPods`]; else as [`PodStore::read_pod`] and [`PodStore::put_pod`].
pub fn point_pod<S: Store + ?Sized>(
    store: &S,
    name: &PodName,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<(), AgentError> {
    let pods = store.pods().ok_or_else(|| AgentError::NoPods(name.clone()))?;
    Ok(put_active(pods, name, session_id, segment_id)?)
}

/// The session in which the first use of each pod's name is decided. Its id sorts below every UUID
/// version 7, so it is listed last.
#[must_use]
pub fn claims_session() -> SessionId {
    SessionId::from(CLAIMS)
}

/// Returns whether a session is the one in which the first use of each pod's name was decided.
///
/// It contains no conversation, so a program that shows sessions to people leaves it out.
#[must_use]
pub fn is_claims_session(session_id: SessionId) -> bool {
    session_id == claims_session()
}

/// A UUID version 8, whose end spells "claims".
const CLAIMS: Uuid = Uuid::from_u128(0x0000_0000_0000_8000_8000_636c_6169_6d73);

/// An entry in the log of a name's claims. The last one counts.
#[derive(Serialize, Deserialize)]
struct Claim {
    kind: ClaimKind,
    pod: String,
    session_id: SessionId,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClaimKind {
    /// The pod is to point to that session.
    PodClaimed,
    /// It does. If there is no pod now, it was deleted since, and the name is free again.
    PodSettled,
}

fn active_of(pods: &dyn PodStore, name: &PodName) -> Result<Option<ActiveSegment>, StoreError> {
    Ok(pods.read_pod(name)?.and_then(|pod| pod.active()))
}

fn put_active(
    pods: &dyn PodStore,
    name: &PodName,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<(), StoreError> {
    let active = ActiveSegment { session_id, segment_id: Some(segment_id) };
    let pod = pods.read_pod(name)?;
    pods.put_pod(name, &pointed(pod.as_ref(), active)?)
}

/// The segment of a pointer; where it names none, the session's newest, or its first.
fn resolve<S: Store>(
    store: &S,
    active: ActiveSegment,
    opening: impl FnOnce(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<SegmentId, StoreError> {
    if let Some(segment_id) = active.segment_id {
        return Ok(segment_id);
    }
    match store.list_segments(active.session_id)?.first() {
        Some(newest) => Ok(*newest),
        None => first_segment(store, active.session_id, opening),
    }
}

/// Creates the first segment of a session. It bears the session's own UUID, so that all who create it at
/// once mean the same one.
fn first_segment<S: Store>(
    store: &S,
    session_id: SessionId,
    opening: impl FnOnce(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<SegmentId, StoreError> {
    let segment_id = SegmentId::from(Uuid::from(session_id));
    match SegmentWriter::create_as(store, session_id, segment_id, &opening(session_id)?) {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(segment_id),
        Err(error) => Err(error),
    }
}

fn first_use<S: Store>(
    store: &S,
    pods: &dyn PodStore,
    name: &PodName,
    opening: impl FnOnce(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<(SessionId, SegmentId), StoreError> {
    let mut claims = Claims::of(store, name)?;
    let session_id = loop {
        // Only a look at the pod after that at the claims shows that the name is free: no one puts a pod
        // before the claims have moved.
        if let Some(active) = active_of(pods, name)? {
            return Ok((active.session_id, resolve(store, active, opening)?));
        }
        if let Some(session_id) = claims.claimed()? {
            break session_id;
        }
    };
    let first = first_segment(store, session_id, opening)?;
    let place = match active_of(pods, name)? {
        // Another process was faster, and may have moved on from the first segment already.
        Some(ActiveSegment { session_id, segment_id: Some(segment_id) }) => {
            (session_id, segment_id)
        }
        _ => {
            put_active(pods, name, session_id, first)?;
            (session_id, first)
        }
    };
    claims.settle(session_id)?;
    Ok(place)
}

/// The log that decides who creates the session of one name.
struct Claims<'a, S> {
    name: &'a PodName,
    writer: SegmentWriter<&'a S>,
    last: Option<LogEntry>,
}

impl<'a, S: Store> Claims<'a, S> {
    fn of(store: &'a S, name: &'a PodName) -> Result<Self, StoreError> {
        let segment_id = SegmentId::from(Uuid::new_v5(&CLAIMS, name.as_str().as_bytes()));
        let writer = SegmentWriter::to_create(store, claims_session(), segment_id)?;
        let mut claims = Self { name, writer, last: None };
        claims.reload()?;
        Ok(claims)
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        match self.writer.reload() {
            Err(error) if error.is_not_found() => self.last = None,
            entries => self.last = entries?.pop(),
        }
        Ok(())
    }

    /// The session that is claimed, now by this caller if by nobody before. None if the claims have moved
    /// meanwhile.
    fn claimed(&mut self) -> Result<Option<SessionId>, StoreError> {
        if let Some(last) = &self.last {
            let Claim { kind, session_id, .. } = self.read(last)?;
            if kind == ClaimKind::PodClaimed {
                return Ok(Some(session_id));
            }
        }
        let session_id = SessionId::new();
        if self.append(ClaimKind::PodClaimed, session_id)? {
            return Ok(Some(session_id));
        }
        self.reload()?;
        Ok(None)
    }

    fn read(&self, last: &LogEntry) -> Result<Claim, StoreError> {
        last.decode().map_err(|error| StoreError::Corrupt {
            line: self.writer.entry_count(),
            message: format!(
                "the last entry of segment {}, which holds the claims for pod {}, is no claim: {error}",
                self.writer.segment_id(),
                self.name
            ),
        })
    }

    /// Says that the pod is put. Whoever was faster has said it already.
    fn settle(&mut self, session_id: SessionId) -> Result<(), StoreError> {
        self.append(ClaimKind::PodSettled, session_id).map(drop)
    }

    /// Whether the claims were still as this caller knows them, and now end with this one.
    fn append(&mut self, kind: ClaimKind, session_id: SessionId) -> Result<bool, StoreError> {
        let claim = Claim { kind, pod: self.name.to_string(), session_id };
        match self.writer.append_value(&claim) {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
