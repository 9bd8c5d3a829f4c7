//! What the kit must know about a backend: how to make a storage, how to open it, and what else can be
//! done to it from outside.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use session_store_core::{SegmentId, SessionId, Store, StoreError};

/// Makes storages, one for each check. Any closure that returns a [`Storage`] is a harness.
pub trait Harness: Sync {
    /// A fresh, empty storage that shares nothing with any other (S1).
    fn fresh(&self) -> Box<dyn Storage>;

    /// Opens a storage of this kind by its [address](Storage::address), in another process than the one
    /// that made it.
    ///
    /// # Errors
    /// Whatever the backend's own `open` answers; unless implemented, that it is not.
    fn open_at(&self, _address: &str) -> Result<Box<dyn Store>, StoreError> {
        Err(no_open_at())
    }

    /// A command that starts a process which calls [`serve`](crate::serve) with this harness, and prints
    /// nothing that could be taken for its answers. In a test program `conformance_tests!` sees to it.
    fn helper(&self) -> Option<Command> {
        None
    }
}

fn no_open_at() -> StoreError {
    io::Error::new(io::ErrorKind::Unsupported, "a storage with an address needs open_at").into()
}

impl<F, S> Harness for F
where
    F: Fn() -> S + Sync,
    S: Storage + 'static,
{
    fn fresh(&self) -> Box<dyn Storage> {
        Box::new(self())
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        S::open_at(address)
    }
}

/// One storage: a directory, a database, a piece of memory. What must outlive its handles (a temporary
/// directory, a server) belongs into the value, which is dropped after them.
///
/// Any closure that returns a store is a storage that can be opened, and nothing else:
///
/// ```
/// use session_store_conformance::run_all;
/// use session_store_memory::MemoryStore;
///
/// let harness = || {
///     let store = MemoryStore::new();
///     move || store.clone()
/// };
/// assert!(run_all(&harness, "a1_").is_success());
/// ```
///
/// The other methods say what can be done to the storage behind the store's back. They answer `None`
/// unless implemented, and the checks that need them are then reported as not run. They are called while
/// no handle is open.
pub trait Storage: Send + Sync {
    /// Opens a handle, creating what a new storage needs. It is called from several threads, any number of
    /// times, while other handles are open and after all were dropped.
    ///
    /// # Errors
    /// Whatever the backend's own `open` answers.
    fn open(&self) -> Result<Box<dyn Store>, StoreError>;

    /// What another process needs to know to open this storage: a path, a URL. It goes with `open_at`.
    fn address(&self) -> Option<String> {
        None
    }

    /// Opens a handle on the storage of that address, as [`open`](Self::open) does; in another process.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn open_at(_address: &str) -> Result<Box<dyn Store>, StoreError>
    where
        Self: Sized,
    {
        Err(no_open_at())
    }

    /// Leaves the data where it is when the storage is dropped, and says where: a check has failed on it.
    fn keep(&mut self) -> Option<PathBuf> {
        None
    }

    /// The folder that holds the whole storage, where it is one: other programs' files are put beside its
    /// own (L4).
    fn folder(&self) -> Option<PathBuf> {
        None
    }

    /// The file that is the segment's log, an entry a line, whether it exists or not: it is written as
    /// another program, or a crash, would leave it (R4, R5).
    fn log_file(&self, _session_id: SessionId, _segment_id: SegmentId) -> Option<PathBuf> {
        None
    }

    /// Puts `bytes` in the place of the segment's entry number `index`, counted from 0, as damage to the
    /// storage would (R4).
    fn overwrite(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
        _index: usize,
        _bytes: &[u8],
    ) -> Option<io::Result<()>> {
        None
    }

    /// Marks the storage as written by a newer version of its format (S7).
    fn raise_format(&self) -> Option<io::Result<()>> {
        None
    }

    /// Opens, as a reader would, a place where no storage is (S7).
    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        None
    }
}

impl<F, S> Storage for F
where
    F: Fn() -> S + Send + Sync,
    S: Store + 'static,
{
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self()))
    }
}
