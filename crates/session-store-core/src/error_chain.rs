//! The text of an error together with its causes.

use std::error::Error;

/// Returns the texts of an error and of all its causes on one line, separated by `: `.
///
/// If the text of an error already contains the text of its cause, the cause is left out. If the
/// text of the cause ends with the text of the error, the error is left out.
///
/// ```
/// use session_store_core::{StoreError, error_chain};
///
/// let full = std::io::Error::other("disk full");
/// let error = StoreError::io("append to a.jsonl", full);
/// assert_eq!(error_chain(&error), "I/O error: cannot append to a.jsonl: disk full");
/// ```
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let errors = std::iter::successors(Some(error), |&error| error.source());
    for part in errors.map(ToString::to_string) {
        match parts.last_mut() {
            Some(last) if last.contains(&part) => {}
            Some(last) if part.ends_with(last.as_str()) => *last = part,
            _ => parts.push(part),
        }
    }
    parts.join(": ")
}
