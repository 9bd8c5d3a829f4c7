//! `BaseLevel`: a store reduced to its nine required methods.

use crate::{Store, forward_store};

/// A store of which only the nine required methods are used.
///
/// All other methods are the provided bodies of [`Store`], even if the inner store overrides these
/// methods. A wrapper uses this type to call a provided body, and a test uses it to compare a
/// provided body with the method of a backend.
///
/// ```
/// use session_store_core::{BaseLevel, LogEntry, SegmentId, SessionId, Store, StoreError};
///
/// fn append_one_by_one(
///     store: &dyn Store,
///     session_id: SessionId,
///     segment_id: SegmentId,
///     entries: &[LogEntry],
/// ) -> Result<(), StoreError> {
///     BaseLevel(store).append_all(session_id, segment_id, entries)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BaseLevel<S>(pub S);

// The other methods are not forwarded on purpose, so that their provided bodies are used.
impl<S: Store> Store for BaseLevel<S> {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace
    }
}
