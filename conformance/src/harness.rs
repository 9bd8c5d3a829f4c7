//! The two traits that describe a backend to the kit: a harness creates storages, and a storage
//! opens handles and can be changed from outside.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use session_store_core::{SegmentId, SessionId, Store, StoreError};

/// A source of storages, one for each check. Any closure that returns a [`Storage`] is a harness.
///
/// A check runs in its own thread. If the check does not end in time, the thread continues. So a
/// harness must be shareable between threads and must not borrow.
pub trait Harness: Send + Sync + 'static {
    /// Creates a fresh, empty storage that shares nothing with any other storage.
    fn fresh(&self) -> Box<dyn Storage>;

    /// Opens a storage of this kind by its [address](Storage::address). The kit calls this method
    /// in a process that has not created the storage.
    ///
    /// # Errors
    /// The errors of the backend's own `open`. The provided implementation returns an error of kind
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    fn open_at(&self, _address: &str) -> Result<Box<dyn Store>, StoreError> {
        Err(no_open_at())
    }

    /// Returns a command for a helper process. The process must call [`serve`](crate::serve) with
    /// this harness.
    ///
    /// The process can print lines of its own, such as those of a test program, if they do not
    /// start with `{`. The replies of `serve` start with this character. `conformance_tests!`
    /// implements this method for a test program.
    fn helper(&self) -> Option<Command> {
        None
    }
}

fn no_open_at() -> StoreError {
    io::Error::new(io::ErrorKind::Unsupported, "a storage with an address needs open_at").into()
}

impl<F, S> Harness for F
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Storage + 'static,
{
    fn fresh(&self) -> Box<dyn Storage> {
        Box::new(self())
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        S::open_at(address)
    }
}

impl<H: Harness + ?Sized> Harness for Arc<H> {
    fn fresh(&self) -> Box<dyn Storage> {
        (**self).fresh()
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        (**self).open_at(address)
    }

    fn helper(&self) -> Option<Command> {
        (**self).helper()
    }
}

/// One storage: a directory, a database, or a piece of memory.
///
/// The value owns everything that must outlive the handles, such as a temporary directory or a
/// server. The kit drops the value after all its handles.
///
/// Any closure that returns a store is a storage. Such a storage can only be opened:
///
/// ```
/// use session_store_conformance::run_all;
/// use session_store_memory::MemoryStore;
///
/// let harness = || {
///     let store = MemoryStore::new();
///     move || store.clone()
/// };
/// assert!(run_all(harness, "a1_").is_success());
/// ```
///
/// The other methods change the storage from outside, without a handle, and the kit calls them only
/// while no handle is open. The provided implementations return `None`. The checks that need these
/// methods are then reported as not run.
pub trait Storage: Send + Sync {
    /// Opens a handle. Creates the store if the storage is new.
    ///
    /// The kit calls this method any number of times and from several threads, while other handles
    /// are open and after all handles were dropped.
    ///
    /// # Errors
    /// The errors of the backend's own `open`.
    fn open(&self) -> Result<Box<dyn Store>, StoreError>;

    /// Returns the path or the URL by which another process can open this storage. Implement this
    /// method together with [`open_at`](Self::open_at).
    fn address(&self) -> Option<String> {
        None
    }

    /// Opens a handle on the storage with this address, in another process.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn open_at(_address: &str) -> Result<Box<dyn Store>, StoreError>
    where
        Self: Sized,
    {
        Err(no_open_at())
    }

    /// Makes the storage keep its data when it is dropped. Returns the path of the data. The kit
    /// calls this method after a failed check.
    fn keep(&mut self) -> Option<PathBuf> {
        None
    }

    /// Returns the folder of the whole storage, if the storage has a folder.
    ///
    /// A check puts files of other programs into the folder
    /// ([L4](session_store_core::contract#l4)).
    fn folder(&self) -> Option<PathBuf> {
        None
    }

    /// Returns the path of the segment's log, if logs are files with one entry on each line. The
    /// file need not exist.
    ///
    /// Checks write the file in a state in which another program or a crash can leave it
    /// ([R4](session_store_core::contract#r4), [R5](session_store_core::contract#r5)).
    fn log_file(&self, _session_id: SessionId, _segment_id: SegmentId) -> Option<PathBuf> {
        None
    }

    /// Replaces the stored bytes of the segment's entry number `index`, counted from 0, by `bytes`.
    ///
    /// Checks damage an entry this way ([R4](session_store_core::contract#r4)).
    fn overwrite(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
        _index: usize,
        _bytes: &[u8],
    ) -> Option<io::Result<()>> {
        None
    }

    /// Removes the segment from the index that the listings read, and keeps its log. The method may
    /// also remove other parts of the index.
    ///
    /// Checks then repair the index ([M3](session_store_core::contract#m3)). If the listings of a
    /// store read the logs themselves, there is no such index.
    fn unlist(&self, _session_id: SessionId, _segment_id: SegmentId) -> Option<io::Result<()>> {
        None
    }

    /// Marks the storage as written by a newer version of its format.
    ///
    /// A check then opens the storage ([S7](session_store_core::contract#s7)).
    fn raise_format(&self) -> Option<io::Result<()>> {
        None
    }

    /// Opens a storage that does not exist, without the option to create it.
    ///
    /// The call must fail with `NoStore` and create nothing ([S7](session_store_core::contract#s7)).
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
