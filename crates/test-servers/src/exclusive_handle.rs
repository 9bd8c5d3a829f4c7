//! The handles of a storage that only one handle can open at a time.

use std::sync::{Arc, Mutex, Weak};

use session_store_core::StoreError;
use test_deadlines::wait_until;

/// The exclusive handle of a storage. All handles of a test share it, because any other handle
/// would be refused.
#[derive(Debug)]
pub struct ExclusiveHandle<S>(Mutex<Weak<S>>);

impl<S> Default for ExclusiveHandle<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> ExclusiveHandle<S> {
    /// Returns the open handle, or calls `open`.
    ///
    /// # Errors
    /// The error of `open`. A transient error is not returned at once, because another thread can
    /// still be dropping the last handle.
    pub fn open(&self, open: impl Fn() -> Result<S, StoreError>) -> Result<Arc<S>, StoreError> {
        let mut handle = self.0.lock().expect("no thread panics while it opens a handle");
        if let Some(store) = handle.upgrade() {
            return Ok(store);
        }
        let mut opened = None;
        wait_until("the end of the last exclusive handle", || {
            let result = open();
            let is_busy = matches!(&result, Err(error) if error.is_transient());
            opened = Some(result);
            !is_busy
        });
        let store = Arc::new(opened.expect("the condition is called at least once")?);
        *handle = Arc::downgrade(&store);
        Ok(store)
    }
}
