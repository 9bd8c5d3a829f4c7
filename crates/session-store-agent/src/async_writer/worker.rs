//! The worker of an `AsyncWriter`. It executes the requests of the queue on a pool of threads.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use async_task::Runnable;
use session_store_core::{Capability, LogEntry, Store, StoreError};

use super::AsyncWriteError;
use crate::writer::SegmentWriter;

/// The size limit of a batch, in bytes. No append is added to a batch that has reached this size.
/// The limit ensures that a store can write the batch in one transaction or script.
const BATCH_BYTES: usize = 1 << 20;

/// An element of the queue.
pub(super) enum Request<S> {
    Append(Append),
    Flush(Sender<Result<(), AsyncWriteError>>),
    Close(Sender<SegmentWriter<S>>),
}

/// Entries to append together, and the sender for the result.
pub(super) struct Append {
    pub(super) entries: Vec<LogEntry>,
    pub(super) reply: Sender<Result<(), AsyncWriteError>>,
}

impl Append {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.as_json().len()).sum()
    }

    fn reply(self, result: Result<(), AsyncWriteError>) {
        reply(&self.reply, result);
    }
}

/// Sends the reply to a request. The receiver is in the future of the request. Does nothing if this
/// future was dropped.
fn reply<T>(to: &Sender<T>, result: T) {
    drop(to.try_send(result));
}

/// The receiving end of the queue.
///
/// A closed channel keeps its elements until all senders are dropped. The futures of these elements
/// would wait that long. So when the worker ends, dropping the queue replies to the remaining
/// requests. This also happens if the worker ends by a panic.
struct Queue<S>(Receiver<Request<S>>);

impl<S> Drop for Queue<S> {
    fn drop(&mut self) {
        self.0.close();
        while let Ok(request) = self.0.try_recv() {
            // An append needs a reply here. For a request to flush or to close, dropping the
            // request is enough: its future then fails with `Closed`.
            if let Request::Append(append) = request {
                append.reply(Err(AsyncWriteError::Closed));
            }
        }
    }
}

struct Worker<S> {
    writer: SegmentWriter<S>,
    is_atomic: bool,
    /// The error of a failed append. After this error, nothing more is appended.
    failure: Option<Arc<StoreError>>,
}

/// Starts a worker that executes the requests of `queue` until the queue is closed.
///
/// The worker runs on the pool only while it executes requests. It does not occupy a thread while
/// it waits for a request, so any number of writers can share the pool.
pub(super) fn start<S: Store + 'static>(writer: SegmentWriter<S>, queue: Receiver<Request<S>>) {
    let is_atomic = writer.store().capabilities().has(Capability::AtomicBatch);
    let worker = Worker { writer, is_atomic, failure: None };
    let schedule = |step: Runnable| blocking::unblock(move || step.run()).detach();
    let (first_step, task) = async_task::spawn(worker.run(Queue(queue)), schedule);
    first_step.schedule();
    task.detach();
}

impl<S: Store> Worker<S> {
    async fn run(mut self, queue: Queue<S>) {
        let mut next = None;
        loop {
            let request = match next.take() {
                Some(request) => request,
                None => match queue.0.recv().await {
                    Ok(request) => request,
                    Err(_) => return,
                },
            };
            match request {
                Request::Append(first) => {
                    let batch;
                    (batch, next) = self.collect(first, &queue);
                    self.append(batch);
                }
                Request::Flush(to) => {
                    let failure = self.failure.clone().map(AsyncWriteError::Store);
                    reply(&to, failure.map_or(Ok(()), Err));
                }
                Request::Close(to) => return reply(&to, self.writer),
            }
        }
    }

    /// Takes the queued appends that can be executed together with `first`. If the last request
    /// that was taken cannot be executed with these appends, also returns this request.
    fn collect(&self, first: Append, queue: &Queue<S>) -> (Vec<Append>, Option<Request<S>>) {
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while self.is_atomic && bytes < BATCH_BYTES {
            match queue.0.try_recv() {
                Ok(Request::Append(append)) => {
                    bytes += append.bytes();
                    batch.push(append);
                }
                other => return (batch, other.ok()),
            }
        }
        (batch, None)
    }

    fn append(&mut self, batch: Vec<Append>) {
        if let Some(failure) = &self.failure {
            let abandoned = AsyncWriteError::Abandoned(Arc::clone(failure));
            return batch.into_iter().for_each(|append| append.reply(Err(abandoned.clone())));
        }
        let entries: Vec<_> = batch.iter().flat_map(|append| &append.entries).cloned().collect();
        match self.writer.append_all(&entries) {
            Ok(()) => batch.into_iter().for_each(|append| append.reply(Ok(()))),
            // The batch failed and nothing was stored. One append may have caused the failure, for
            // example an append with an entry that is too large. So execute each append alone, so
            // that only this append fails.
            Err(error) if batch.len() > 1 && !error.is_indeterminate() => {
                batch.into_iter().for_each(|append| self.append(vec![append]));
            }
            Err(error) => {
                let failure = self.failure.insert(Arc::new(error));
                let error = AsyncWriteError::Store(Arc::clone(failure));
                batch.into_iter().for_each(|append| append.reply(Err(error.clone())));
            }
        }
    }
}
