//! The checks of the conformance kit over served stores: the server must change no verdict.

use std::io::{BufReader, pipe};
use std::sync::{Arc, LazyLock};
use std::thread;

use session_store::{OpenStore, StoreUrl};
use session_store_conformance::{Storage, conformance_matrix};
use session_store_core::{SessionId, Store, StoreError, forward_store};
use session_store_protocol::{RemoteStore, Service, serve};
use tempfile::TempDir;
use test_servers::{PostgresServer, RedisServer};

/// A store that is used through a server in a thread. Dropping it ends the server and its handle.
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
struct Place {
    url: StoreUrl,
    _folder: TempDir,
}

impl Place {
    /// Creates a storage. `{}` in the URL becomes a path that no other storage has.
    fn new(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs").display().to_string();
        Self { url: url.replace("{}", &path).parse().unwrap(), _folder: folder }
    }

    fn on_redis() -> Self {
        static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
        Self::new(&format!("{}?prefix={}", SERVER.url(), SessionId::new()))
    }

    fn on_postgres() -> Self {
        static SERVER: LazyLock<PostgresServer> = LazyLock::new(|| PostgresServer::start_fast(&[]));
        let schema = SessionId::new().to_string().replace('-', "");
        Self::new(&format!("{}?schema=s{schema}", SERVER.url()))
    }
}

impl Storage for Place {
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
        harness: || Place::new("fs:{}"),
        skip: {
            atomic_batch: "a killed writer can leave a part of a batch, which the error reports",
            only_open: "the other methods do not pass the server",
        },
    },
    sqlite: {
        harness: || Place::new("sqlite:{}"),
        skip: {
            only_open: "the other methods do not pass the server",
        },
    },
    redis: {
        harness: Place::on_redis,
        skip: {
            only_open: "the other methods do not pass the server",
        },
    },
    postgres: {
        harness: Place::on_postgres,
        skip: {
            only_open: "the other methods do not pass the server",
        },
    },
}
