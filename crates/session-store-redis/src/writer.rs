//! Writers: the tokens that make it harmless to send a change again.
//!
//! A writer has a random token and numbers its changes. Each change carries both. The script that
//! executes a change records the writer's last number and reply, in the same slot and the same
//! atomic step. If the same change arrives again, the script returns the recorded reply and changes
//! nothing.
//!
//! The record only contains the last change of a writer. A writer therefore has one change in
//! flight, and starts the next change only when the outcome of the last one is known.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// How long the record of a writer is kept after the writer's last change.
///
/// This is longer than the maximum retry time and the timeouts together. No copy of a change can
/// therefore arrive after the record has expired.
pub(crate) const RECORD_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// One writer, used by one thread at a time.
pub(crate) struct Writer {
    pub(crate) token: String,
    sequence: u64,
}

impl Writer {
    fn new() -> Self {
        Self { token: Uuid::new_v4().simple().to_string(), sequence: 0 }
    }

    /// Returns the number of the next change.
    pub(crate) fn next(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }
}

/// The idle writers of a handle. Each change takes a writer while it runs, so a handle has as many
/// writers as it had changes at the same time.
#[derive(Default)]
pub(crate) struct Writers(Mutex<Vec<Writer>>);

impl Writers {
    /// Takes an idle writer, or creates one.
    pub(crate) fn take(&self) -> Writer {
        self.lock().pop().unwrap_or_else(Writer::new)
    }

    /// Adds a writer to the idle ones. The outcome of its last change must be known.
    ///
    /// A writer whose last change has an unknown outcome must be dropped instead, because a copy of
    /// that change may still arrive. A new change of the same writer would overwrite the record
    /// that prevents a second execution.
    pub(crate) fn put_back(&self, writer: Writer) {
        self.lock().push(writer);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
