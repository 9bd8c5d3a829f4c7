//! Opens a conversation by the name of a pod. A pod is a named agent with a pointer to its active
//! session and segment. The result is a writer at the end of the active segment.

use session_store_core::{
    ActiveSegment, Capability, LogEntry, Pod, PodName, PodStore, PodStoreExt, SegmentId,
    SegmentKey, SessionId, Store, StoreError,
};

use crate::error::AgentError;
use crate::pointer::with_pointer;
use crate::restore::restore;
use crate::state::RestoredState;
use crate::writer::SegmentWriter;

/// Opens a writer at the end of the pod's conversation. Returns the writer and the state of the
/// conversation.
///
/// If the pod does not exist or has no pointer, the function creates a session, and sets the pod's
/// pointer to the first segment of the session. This segment begins with the entries of `opening`.
/// The other fields of the pod are kept. If several processes call the function at the same time,
/// all processes open the same session ([P4]). Only one process stores its result of `opening`. The
/// other processes discard their results.
///
/// If the pointer names only a session and no segment, the newest segment of the session is opened.
///
/// # Errors
/// - [`AgentError::NoPods`] if the store does not have pods.
/// - [`StoreError::NotFound`] if the pod points to a segment that does not exist.
/// - [`StoreError::Unsupported`] if a session must be created and the store does not have
///   [`Capability::ConditionalPut`].
/// - The errors of `opening`, of [`restore`] and of the methods of [`PodStore`].
///
/// [P4]: session_store_core::contract#p4
pub fn open_pod<S: Store>(
    store: S,
    name: &PodName,
    mut opening: impl FnMut(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let key = loop {
        let pods = store.pods().ok_or_else(|| AgentError::NoPods(name.clone()))?;
        let pod = pods.read_pod(name)?;
        match pod.as_ref().and_then(Pod::active) {
            Some(active) => break resolve(&store, active, &mut opening)?,
            None => create_conversation(&store, pods, name, pod.as_ref(), &mut opening)?,
        }
    };
    restore(store, key.session_id, key.segment_id)
}

/// Sets the pointer of a pod, for example after a fork or a compaction.
///
/// Creates the pod if it does not exist. The other fields of the pod are kept, even if another
/// process changes these fields at the same time.
///
/// # Errors
/// [`AgentError::NoPods`]. [`StoreError::Unsupported`] if the store does not have
/// [`Capability::ConditionalPut`]. Otherwise as [`PodStore::read_pod`] and
/// [`PodStore::put_pod_if`].
pub fn point_pod<S: Store + ?Sized>(
    store: &S,
    name: &PodName,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<(), AgentError> {
    let pods = store.pods().ok_or_else(|| AgentError::NoPods(name.clone()))?;
    require_conditional_put(store, "point_pod")?;
    let active = ActiveSegment { session_id, segment_id: Some(segment_id) };
    pods.update_pod(name, |pod| with_pointer(pod, active))?;
    Ok(())
}

/// Returns whether a session is the session in which earlier versions recorded the use of pod
/// names. Such a session is not a conversation.
///
/// Earlier versions of this crate kept one session with a fixed id. For each pod, the log of this
/// session recorded the first process that used the pod's name. The session is no longer needed and
/// can be deleted. A program that lists sessions for people should leave out this session.
#[must_use]
pub fn is_claims_session(session_id: SessionId) -> bool {
    // A UUID of version 8 that ends with the letters "claims".
    const CLAIMS: u128 = 0x0000_0000_0000_8000_8000_636c_6169_6d73;
    *session_id.as_bytes() == CLAIMS.to_be_bytes()
}

/// Returns the segment to which a pointer leads. If the pointer names no segment, returns the
/// newest segment of the session. If the session has no segment, creates its first segment.
fn resolve<S: Store>(
    store: &S,
    active: ActiveSegment,
    opening: &mut impl FnMut(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<SegmentKey, StoreError> {
    let session_id = active.session_id;
    let segment_id = match active.segment_id {
        Some(segment_id) => segment_id,
        None => match store.list_segments(session_id)?.first() {
            Some(newest) => *newest,
            None => create_first_segment(store, session_id, opening)?,
        },
    };
    Ok(SegmentKey::new(session_id, segment_id))
}

/// Creates the first segment of a session, unless another process has just created it.
fn create_first_segment<S: Store>(
    store: &S,
    session_id: SessionId,
    opening: &mut impl FnMut(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<SegmentId, StoreError> {
    // The first segment has the same UUID as its session. So all processes that try to create it
    // use the same id, and only one process succeeds.
    let segment_id = SegmentId::from_bytes(*session_id.as_bytes());
    match SegmentWriter::create_as(store, session_id, segment_id, &opening(session_id)?) {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(segment_id),
        Err(error) => Err(error),
    }
}

/// Creates a session for a pod without a pointer, and sets the pointer. If another process is
/// faster, leaves the pod as the other process has put it. In both cases the caller must read the
/// pod again.
///
/// There are three steps. The first step puts the pod with the id of the session, but without a
/// segment. The second step creates the first segment. The third step puts the pod with the
/// segment.
///
/// The first step is a conditional put, so only one process succeeds and determines the id of the
/// session. A slower process finds this id in the pod, and opens or creates the same first segment.
/// So the slower process does not leave a second session in the store.
///
/// A process can be killed between the steps. If it is killed after the first step, the next
/// `open_pod` creates the first segment. If it is killed after the second step, the pointer still
/// has no segment. The next `open_pod` then opens the newest segment of the session. The first
/// segment is the only segment, so the next `open_pod` opens the first segment.
fn create_conversation<S: Store>(
    store: &S,
    pods: &dyn PodStore,
    name: &PodName,
    pod: Option<&Pod>,
    opening: &mut impl FnMut(SessionId) -> Result<Vec<LogEntry>, StoreError>,
) -> Result<(), StoreError> {
    require_conditional_put(store, "open_pod")?;
    let session_id = SessionId::new();
    let claimed = with_pointer(pod, ActiveSegment { session_id, segment_id: None })?;
    if !put_unless_changed(pods, name, pod, &claimed)? {
        return Ok(());
    }
    let segment_id = Some(create_first_segment(store, session_id, opening)?);
    let opened = with_pointer(Some(&claimed), ActiveSegment { session_id, segment_id })?;
    // If another process has changed the pod meanwhile, for example after a fork, keep the pointer
    // of the other process, because this pointer is newer.
    put_unless_changed(pods, name, Some(&claimed), &opened)?;
    Ok(())
}

/// Puts the pod. Returns false if another process has changed the pod.
fn put_unless_changed(
    pods: &dyn PodStore,
    name: &PodName,
    expected: Option<&Pod>,
    pod: &Pod,
) -> Result<bool, StoreError> {
    match pods.put_pod_if(name, expected, pod) {
        Ok(()) => Ok(true),
        Err(StoreError::PodConflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Fails if the store does not have conditional puts. The error names `operation`, the function
/// that the user called. It does not name `put_pod_if`, which the user did not call.
fn require_conditional_put<S: Store + ?Sized>(
    store: &S,
    operation: &'static str,
) -> Result<(), StoreError> {
    let capability = Capability::ConditionalPut;
    if store.capabilities().has(capability) {
        return Ok(());
    }
    Err(StoreError::Unsupported { operation, capability })
}
