//! `BaseLevel`: a store reduced to its nine required methods.

use crate::{Store, forward_store};

/// A store of which only the nine required methods are used.
///
/// All other methods are the provided bodies of [`Store`], even where the inner store overrides
/// them. A wrapper can call such a body this way, and a test can compare it with the method of a
/// backend.
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

// The other methods are left out on purpose.
impl<S: Store> Store for BaseLevel<S> {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace
    }
}
