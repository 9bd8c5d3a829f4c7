//! Writers: the tokens that make it harmless to send a change again.
//!
//! A writer has a random token and numbers its changes. Each change carries both. The script that
//! executes a change records the writer's last number and reply, in the same slot and the same
//! atomic step. If the same change arrives again, the script returns the recorded reply and changes
//! nothing. The record holds one change, so a writer has one change in flight, and starts the next
//! only when the outcome of the last is known.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// How long a slot records a writer after the writer's last change there. It is longer than the
/// longest retry time plus timeouts, so no copy of a change can arrive after its record has
/// expired.
pub(crate) const RECORDED: Duration = Duration::from_secs(15 * 60);

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

/// The idle writers of a handle. Each concurrent change takes one, so their number is that of the
/// most concurrent changes so far.
#[derive(Default)]
pub(crate) struct Writers(Mutex<Vec<Writer>>);

impl Writers {
    pub(crate) fn take(&self) -> Writer {
        self.lock().pop().unwrap_or_else(Writer::new)
    }

    /// Returns a writer whose last change has a known outcome.
    ///
    /// Any other writer must be dropped. A new change under its token would overwrite the record
    /// that a late copy of the last change needs, or be mistaken for that change.
    pub(crate) fn put_back(&self, writer: Writer) {
        self.lock().push(writer);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
