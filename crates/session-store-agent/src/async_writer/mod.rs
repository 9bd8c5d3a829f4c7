//! `AsyncWriter`: appends from asynchronous code. The appends wait in a queue, and a worker on a
//! pool of threads executes them.

mod error;
mod worker;

use std::fmt;
use std::future::Future;

use async_channel::Sender;
use session_store_core::{LogEntry, SegmentKey, Store};

pub use error::AsyncWriteError;
use worker::{Append, Request, start};

use crate::writer::SegmentWriter;

/// Appends to the end of one segment from asynchronous code, with any runtime.
///
/// The writer has a queue with a limited number of places. A worker takes appends from the queue
/// and executes them with a [`SegmentWriter`]. The worker runs on the thread pool of the crate
/// `blocking`, and occupies a thread of the pool only while it executes appends. If the store has
/// [`Capability::AtomicBatch`](session_store_core::Capability::AtomicBatch), the worker appends all
/// queued entries with one call of the store.
///
/// - Appends of one handle are stored in the order of the calls. A clone is a second handle on the
///   same queue, for another task. Appends of different handles can be stored in any order.
/// - If the queue is full, an append waits for a place.
/// - After an append has entered the queue, it is executed even if its future is dropped. If the
///   future is dropped earlier, the append does not happen.
/// - If all handles are dropped, the worker executes the queued appends and then ends. Dropping a
///   handle does not wait for the worker. So a program that is about to exit must first await
///   [`flush`](Self::flush) or [`close`](Self::close), otherwise queued appends can be lost.
///
/// # Failed appends
///
/// After an append that fails, no later append is executed, so a log never has a gap. The failed
/// append returns [`AsyncWriteError::Store`], and all later appends return
/// [`AsyncWriteError::Abandoned`]. To continue, [`close`](Self::close) the writer to get the
/// [`SegmentWriter`]. In one call, pass the entries of the failed append and of *all* later appends
/// to the [`SegmentWriter`], in their order. The entries are then stored once, even if the outcome
/// of the failed append was unknown.
///
/// ```
/// use session_store_agent::{AsyncWriter, SegmentWriter};
/// use session_store_core::{LogEntry, SessionId};
/// use session_store_memory::MemoryStore;
///
/// # futures_lite::future::block_on(async {
/// let store = MemoryStore::new();
/// let mut writer = AsyncWriter::new(SegmentWriter::create(store, SessionId::new(), &[])?);
///
/// // Waits until the entry is stored.
/// writer.append(LogEntry::from_json(r#"{"kind":"user_input","text":"hello"}"#)?).await?;
///
/// // The first await waits only for a place in the queue. The second await waits for the result.
/// let answer = LogEntry::from_json(r#"{"kind":"assistant_item","text":"hi"}"#)?;
/// let stored = writer.submit(vec![answer]).await?;
/// stored.await?;
///
/// assert_eq!(writer.close().await?.entry_count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct AsyncWriter<S> {
    key: SegmentKey,
    requests: Sender<Request<S>>,
}

impl<S: Store + 'static> AsyncWriter<S> {
    /// The number of places in the queue, for a writer that [`new`](Self::new) has created.
    pub const CAPACITY: usize = 1024;

    /// Returns an asynchronous writer that appends with `writer`.
    pub fn new(writer: SegmentWriter<S>) -> Self {
        Self::with_capacity(writer, Self::CAPACITY)
    }

    /// Returns a writer like [`new`](Self::new), with a queue of `capacity` places (at least one).
    ///
    /// Each append needs one place, regardless of the number and size of its entries.
    pub fn with_capacity(writer: SegmentWriter<S>, capacity: usize) -> Self {
        let key = writer.key();
        let (requests, queue) = async_channel::bounded(capacity.max(1));
        start(writer, queue);
        Self { key, requests }
    }

    /// Returns the segment.
    #[must_use]
    pub const fn key(&self) -> SegmentKey {
        self.key
    }

    /// Appends an entry. The future resolves when the entry is stored.
    ///
    /// # Errors
    /// [`AsyncWriteError::Store`] with the error of [`SegmentWriter::append`].
    /// [`AsyncWriteError::Abandoned`], [`AsyncWriteError::Closed`], [`AsyncWriteError::Panicked`].
    pub async fn append(&mut self, entry: LogEntry) -> Result<(), AsyncWriteError> {
        self.append_all(vec![entry]).await
    }

    /// Appends several entries like [`append`](Self::append). No other entries are stored between
    /// these entries.
    ///
    /// # Errors
    /// As [`append`](Self::append) and [`SegmentWriter::append_all`].
    pub async fn append_all(&mut self, entries: Vec<LogEntry>) -> Result<(), AsyncWriteError> {
        self.submit(entries).await?.await
    }

    /// Puts an append of several entries in the queue.
    ///
    /// The outer future resolves when the append has a place in the queue. It returns a second
    /// future, which resolves when the entries are stored. Dropping the second future does not
    /// cancel the append.
    ///
    /// # Errors
    /// [`AsyncWriteError::Closed`]. The second future has the errors of
    /// [`append_all`](Self::append_all).
    pub async fn submit(
        &mut self,
        entries: Vec<LogEntry>,
    ) -> Result<impl Future<Output = Result<(), AsyncWriteError>> + Send + use<S>, AsyncWriteError>
    {
        let (reply, result) = async_channel::bounded(1);
        self.send(Request::Append(Append { entries, reply })).await?;
        // The worker replies to every append, unless the store panics.
        Ok(async move { result.recv().await.unwrap_or(Err(AsyncWriteError::Panicked)) })
    }

    /// Waits until all appends that were in the queue before this call are executed.
    ///
    /// The method does not call [`Store::sync`].
    ///
    /// # Errors
    /// [`AsyncWriteError::Store`] if an append that was queued before this call has failed.
    /// [`AsyncWriteError::Closed`].
    pub async fn flush(&self) -> Result<(), AsyncWriteError> {
        let (reply, result) = async_channel::bounded(1);
        self.send(Request::Flush(reply)).await?;
        result.recv().await.unwrap_or(Err(AsyncWriteError::Closed))
    }

    /// Executes the queued appends, and returns the inner [`SegmentWriter`], even if an append has
    /// failed.
    ///
    /// After this call, calls on other handles fail with [`AsyncWriteError::Closed`].
    ///
    /// # Errors
    /// [`AsyncWriteError::Closed`] if another handle has closed the writer, or the store has
    /// panicked.
    pub async fn close(self) -> Result<SegmentWriter<S>, AsyncWriteError> {
        let (reply, result) = async_channel::bounded(1);
        self.send(Request::Close(reply)).await?;
        result.recv().await.map_err(|_| AsyncWriteError::Closed)
    }

    async fn send(&self, request: Request<S>) -> Result<(), AsyncWriteError> {
        self.requests.send(request).await.map_err(|_| AsyncWriteError::Closed)
    }
}

impl<S> Clone for AsyncWriter<S> {
    fn clone(&self) -> Self {
        Self { key: self.key, requests: self.requests.clone() }
    }
}

impl<S> fmt::Debug for AsyncWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.requests.len();
        f.debug_struct("AsyncWriter").field("key", &self.key).field("queued", &queued).finish()
    }
}
