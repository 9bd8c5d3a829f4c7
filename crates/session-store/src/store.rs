//! `OpenStore`: an opened store of any backend, with its URL.

use std::fmt;
use std::sync::Arc;

use session_store_core::{Store, forward_store};

use crate::backend::Opened;
use crate::url::StoreUrl;

/// An opened store of any backend, made by [`open`](crate::open()) and
/// [`open_or_create`](crate::open_or_create()), or by [`wrap`](Self::wrap).
///
/// Every method calls the method of the backend. A clone shares the backend's handle.
#[derive(Clone)]
pub struct OpenStore {
    store: Arc<dyn Store>,
    url: StoreUrl,
    warnings: Arc<[String]>,
}

impl OpenStore {
    pub(crate) fn new(opened: Opened, url: StoreUrl) -> Self {
        let Opened { store, warnings } = opened;
        Self { store, url, warnings: warnings.into() }
    }

    /// Wraps a store that the caller has opened in another way, such as a backup file. `url` names
    /// the place of the store in messages.
    #[must_use]
    pub fn wrap(store: impl Store + 'static, url: StoreUrl) -> Self {
        Self { store: Arc::new(store), url, warnings: Arc::new([]) }
    }

    /// Returns the URL of the store. The URL has a scheme even if the store was opened by a bare
    /// path.
    #[must_use]
    pub const fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// Returns warnings for the operator of the storage, for example that a Redis server can evict
    /// entries. Each text is a sentence about the state of the storage when the store was opened.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Debug for OpenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenStore({})", self.url)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for OpenStore {
    forward_store! { self => self.store;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate capabilities pods maintenance append_all read_page
        read_page_with read_page_matching head segment_info list_infos append_if truncate_if
        read_trace_page delete_segment delete_session sync
    }
}
