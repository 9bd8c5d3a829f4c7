//! `BaseLevel`: a store reduced to its nine required methods. With it, checks test the provided
//! methods of the trait.

use session_store_core::{Store, forward_store};

/// The base level of `S`.
pub(crate) struct BaseLevel<S>(pub(crate) S);

// All other methods are left out on purpose, so that the checks call the provided methods of the
// trait.
impl<S: Store> Store for BaseLevel<S> {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace
    }
}
