//! The checks of the conformance kit over served stores. Each check must have the same result as
//! without a server.

use std::io::{BufReader, pipe};
use std::sync::Arc;
use std::thread;

use session_store::{OpenStore, StoreUrl};
use session_store_conformance::{Storage, conformance_matrix};
use session_store_core::{Store, StoreError, forward_store};
use session_store_protocol::{RemoteStore, Service, serve};
use test_servers::{Backend, Place};

/// A store that is used through a server in a thread. Dropping this value ends the server, and
/// drops the server's handle on the store.
struct Served {
    /// `None` while the value is dropped.
    remote: Option<RemoteStore>,
    server: Option<thread::JoinHandle<()>>,
}

impl Served {
    fn new(store: OpenStore) -> Self {
        let ((input, requests), (replies, output)) = (pipe().unwrap(), pipe().unwrap());
        let server = thread::spawn(move || {
            serve(&Service::of(Arc::new(store)), BufReader::new(input), output).unwrap();
        });
        let remote = RemoteStore::connect(BufReader::new(replies), requests, None).unwrap();
        Self { remote: Some(remote), server: Some(server) }
    }

    fn remote(&self) -> &RemoteStore {
        self.remote.as_ref().expect("the value is not dropped yet")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.remote.take());
        self.server.take().map(thread::JoinHandle::join);
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Served {
    forward_store! { self => *self.remote();
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate capabilities pods maintenance append_all read_page
        read_page_with read_page_matching head segment_info list_infos append_if truncate_if
        read_trace_page delete_segment delete_session sync
    }
}

/// A storage that is opened again for each handle.
struct Reopened {
    url: StoreUrl,
    _place: Place,
}

impl Reopened {
    fn new(backend: Backend) -> Self {
        let place = Place::new();
        Self { url: place.url(backend).parse().unwrap(), _place: place }
    }
}

impl Storage for Reopened {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let store = self.url.open_or_create().map_err(std::io::Error::other)?;
        Ok(Box::new(Served::new(store)))
    }
}

fn memory() -> impl Storage {
    let store = StoreUrl::memory().open().unwrap();
    move || Served::new(store.clone())
}

conformance_matrix! {
    memory: {
        harness: memory,
        skip: {
            multi_process: "a store in memory exists in one process",
            persistent: "a store in memory ends with its last handle",
            only_open: "the other methods do not pass the server",
            maintenance: "a store in memory has nothing to check",
        },
    },
    fs: {
        harness: || Reopened::new(Backend::Fs),
        skip: {
            atomic_batch: "a killed writer can leave only the first entries of a batch",
            only_open: "the other methods do not pass the server",
        },
    },
    sqlite: {
        harness: || Reopened::new(Backend::Sqlite),
        skip: {
            only_open: "the other methods do not pass the server",
        },
    },
    redis: {
        harness: || Reopened::new(Backend::Redis),
        skip: {
            only_open: "the other methods do not pass the server",
        },
    },
    postgres: {
        harness: || Reopened::new(Backend::Postgres),
        skip: {
            only_open: "the other methods do not pass the server",
        },
    },
}
