//! Writers: what makes it harmless to send a change again.
//!
//! A writer has a random token and counts its changes. A change carries both, and the script that does it
//! remembers the writer's last one with its reply, in the same slot and the same step: should the change
//! arrive again, it is answered from there and not done again. A writer therefore has one change at a time
//! under way, and begins the next only when it knows the outcome of the last.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// How long a bucket remembers a writer after its last change there. Nothing is sent again that late, and
/// no copy that was under way can be.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// One writer, used by one thread at a time.
pub(crate) struct Writer {
    pub(crate) token: String,
    sequence: u64,
}

impl Writer {
    fn new() -> Self {
        Self { token: Uuid::new_v4().simple().to_string(), sequence: 0 }
    }

    /// The number of a new change.
    pub(crate) fn next(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }
}

/// The writers that have nothing under way; there are as many as there ever were changes at once.
#[derive(Default)]
pub(crate) struct Writers(Mutex<Vec<Writer>>);

impl Writers {
    pub(crate) fn take(&self) -> Writer {
        self.lock().pop().unwrap_or_else(Writer::new)
    }

    /// Only for a writer that knows the outcome of its last change; any other is dropped, and with it the
    /// last reason to send a change of its again.
    pub(crate) fn put_back(&self, writer: Writer) {
        self.lock().push(writer);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
