//! Writers. The token of a writer identifies its changes, so that a change can be sent again
//! without being made twice.
//!
//! A writer has a random token and numbers its changes. Each change contains the token and its
//! number. The script that executes a change records the number and the reply under the token, in
//! the same slot and the same atomic step. If the same change arrives again, the script returns the
//! recorded reply and changes nothing.
//!
//! The record only contains the last change of a writer. A writer therefore starts a change only
//! when the outcome of its last change is known.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// The time for which the record of a writer is kept after the writer's last change.
///
/// The time is longer than the maximum retry time and the timeouts together, so that no copy of a
/// change can arrive after the record has expired.
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

/// The idle writers of a handle. A change uses one writer while it runs. A handle therefore never
/// has more writers than changes that ran at the same time.
#[derive(Default)]
pub(crate) struct Writers(Mutex<Vec<Writer>>);

impl Writers {
    /// Takes an idle writer, or creates one.
    pub(crate) fn take(&self) -> Writer {
        self.lock().pop().unwrap_or_else(Writer::new)
    }

    /// Makes a writer idle again. The outcome of its last change must be known.
    ///
    /// If the outcome is unknown, the writer must be dropped instead, because a copy of the change
    /// may still arrive. A new change of the same writer would overwrite the record. The script
    /// could then no longer recognize that copy, and would execute it.
    pub(crate) fn put_back(&self, writer: Writer) {
        self.lock().push(writer);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
