//! The suite of the crate `happenstance-testkit`: its rules, its rules for threads and its model.

use std::future::{Future, ready};

use happenstance_testkit::{Capability, Fixture};
use judges::{Backend, Events, Storage};
use session_store::SegmentKey;

/// One event store. `PERSISTENT` is whether its events survive the last handle.
struct Log<const PERSISTENT: bool> {
    storage: Storage,
    key: SegmentKey,
}

impl<const PERSISTENT: bool> Log<PERSISTENT> {
    fn new(backend: Backend) -> Self {
        Self { storage: Storage::new(backend), key: Events::new_log() }
    }
}

impl<const PERSISTENT: bool> Fixture for Log<PERSISTENT> {
    type Store = Events;

    const SECOND_HANDLE: Capability = Capability::SUPPORTED;
    const REOPEN: Capability = if PERSISTENT {
        Capability::SUPPORTED
    } else {
        Capability::declined("a store in memory ends with its process")
    };
    const MID_BATCH_FAULT: Capability =
        Capability::declined("a batch is one call of the store: cargo xtask torture interrupts it");
    const READ_FAULT: Capability =
        Capability::declined("a read is one call of the store: cargo xtask torture interrupts it");

    fn connect(&self) -> impl Future<Output = Events> {
        ready(Events::new(self.storage.open(), self.key))
    }

    fn reopen(&self) -> impl Future<Output = ()> {
        // Every handle opens the storage, so the fixture keeps no state of the process.
        ready(())
    }
}

macro_rules! backends {
    ($($name:ident: $backend:ident $persistent:literal),*) => { $(
        mod $name {
            use super::*;

            happenstance_testkit::event_store_conformance!(
                mod_name = rules,
                emit = happenstance_testkit::emit_blocking,
                fixture = Log::<$persistent>::new(Backend::$backend)
            );
            happenstance_testkit::event_store_concurrency_conformance!(
                mod_name = threads,
                emit = happenstance_testkit::emit_concurrency_blocking,
                fixture = Log::<$persistent>::new(Backend::$backend)
            );
            happenstance_testkit::event_store_model_conformance!(
                mod_name = model,
                emit = happenstance_testkit::emit_model_blocking,
                fixture = Log::<$persistent>::new(Backend::$backend)
            );
        }
    )* };
}

backends! {
    memory: Memory false,
    fs: Fs true,
    sqlite: Sqlite true,
    redis: Redis true,
    postgres: Postgres true
}
