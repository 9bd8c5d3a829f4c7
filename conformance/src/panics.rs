//! Panics of the store. A report has the place of each panic, so only the first panic at a place is
//! printed with its backtrace. Otherwise an unfinished store would print a backtrace for each
//! check.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

thread_local! {
    /// How many calls of the store are running in this thread.
    static CALLS: Cell<usize> = const { Cell::new(0) };
    /// The place of the last panic in a call of this thread.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Records that a call of the store begins in this thread.
pub(crate) fn begin_call() {
    CALLS.set(CALLS.get() + 1);
}

/// Records that a call of the store has ended in this thread. Returns the place of the panic, if
/// the call has panicked with a message.
pub(crate) fn end_call() -> Option<String> {
    CALLS.set(CALLS.get().saturating_sub(1));
    PLACE.take()
}

/// Installs a panic hook. The hook passes each panic on to the previous hook. If the store panics
/// again at the same place, the hook does nothing.
pub(crate) fn print_each_place_once() {
    static INSTALLED: Once = Once::new();
    static PRINTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // A thread that panics cannot set a hook.
    if thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let place = panic.location().filter(|_| CALLS.get() > 0).map(ToString::to_string);
            let is_first = place.as_ref().is_none_or(|place| {
                let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
                printed.insert(place.clone())
            });
            if place.is_some() {
                PLACE.set(place);
            }
            if is_first {
                previous(panic);
            }
        }));
    });
}
