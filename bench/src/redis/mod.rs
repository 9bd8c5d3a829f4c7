//! Benchmarks the Redis backend against its floor: the same commands on a plain connection.

mod growth;
pub(crate) mod raw;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_redis::RedisStore;
use test_servers::RedisServer;

use crate::Fallible;
use crate::plan::Bench;
use crate::server::{self, OnServer};
use crate::sessions::HasStore;
use crate::size::{self, HasSize, sizes};
use raw::Raw;

pub(crate) const BENCHES: [Bench; 7] =
    [APPEND, APPEND_ALL, READ, THREADS, growth::ENTRIES, growth::SESSIONS, SIZE];

const APPEND: Bench = Bench {
    name: "redis/append",
    about: "append, against the script alone, and against RPUSH alone",
    run: |plan| server::append(plan, APPEND.name, 1, Setup::new),
};

const APPEND_ALL: Bench = Bench {
    name: "redis/append_all",
    about: "append_all of 64, against the script alone, and against RPUSH alone",
    run: |plan| server::append(plan, APPEND_ALL.name, 64, Setup::new),
};

const READ: Bench = Bench {
    name: "redis/read",
    about: "read_all and read_page, against one LRANGE with a check of each text",
    run: |plan| server::read(plan, READ.name, Setup::new),
};

const THREADS: Bench = Bench {
    name: "redis/threads",
    about: "append by 1, 2, 4 and 8 threads, each to its own segment; the same script on plain connections",
    run: |plan| server::threads(plan, THREADS.name, Setup::new),
};

const SIZE: Bench = Bench {
    name: "redis/size",
    about: size::ABOUT,
    run: |plan| sizes(plan, SIZE.name, &|| Ok(Box::new(Setup::new()?))),
};

/// A new server, a new store on it, and the ids of a segment.
pub(crate) struct Setup {
    store: RedisStore,
    session: SessionId,
    segment: SegmentId,
    /// This is the last field, so that the server ends after the connections of the store.
    server: RedisServer,
}

impl Setup {
    pub(crate) fn new() -> Fallible<Self> {
        let server = RedisServer::start_in_memory(&[]);
        let store = RedisStore::open_or_create(&server.url())?;
        Ok(Self { store, session: SessionId::new(), segment: SegmentId::new(), server })
    }
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn another_handle(&self) -> Fallible<Box<dyn Store>> {
        Ok(Box::new(RedisStore::open(&self.server.url())?))
    }
}

impl OnServer for Setup {
    type Floor = Raw;

    fn log(&self) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, self.segment)
    }

    fn floor(&self) -> Fallible<Raw> {
        Raw::connect(&self.server)
    }
}

impl HasSize for Setup {
    /// Returns the bytes that the server has allocated.
    fn stored_bytes(&self) -> Fallible<u64> {
        let memory = self.server.info("memory");
        let bytes = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(bytes.ok_or("the server does not report its memory")?.trim().parse()?)
    }
}
