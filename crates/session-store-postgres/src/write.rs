//! `Write`: new entries for a log or a trace, and the head that the log must have.

use session_store_core::{Head, StoreError};

use crate::connection::Connection;
use crate::error::{Cause, RequestError};
use crate::read;
use crate::segment::LogName;

/// The maximum size of an entry, in bytes. PostgreSQL limits a value to 1 GiB, and a message to 1
/// GiB.
pub(crate) const MAX_ENTRY_BYTES: usize = 512 << 20;

/// A batch over this size, in bytes, is sent in parts.
pub(crate) const PART_BYTES: usize = 16 << 20;

/// The head that a log must have before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Any,
    Exactly(Option<Head>),
}

/// New entries for a log or a trace.
pub(crate) struct Write<'a> {
    pub(crate) log: LogName,
    pub(crate) expected: Expected,
    pub(crate) texts: Vec<&'a str>,
}

impl Write<'_> {
    /// Returns an error if an entry is too large.
    pub(crate) fn check_sizes(&self) -> Result<(), StoreError> {
        self.texts.iter().try_for_each(|text| check_size(text.len()))
    }

    /// Returns the size of the entries in bytes: the texts, and one newline for each entry.
    pub(crate) fn bytes(&self) -> i64 {
        size(&self.texts)
    }
}

/// Returns the error for a log that does not have the expected head.
pub(crate) fn conflict(
    connection: &mut Connection,
    log: LogName,
    expected: Expected,
) -> Result<RequestError, RequestError> {
    let actual = read::head_of(connection, log)?;
    Ok(match expected {
        Expected::Exactly(expected) if expected != actual => {
            StoreError::Conflict { expected, actual }.into()
        }
        // The statement found the segment, but another writer deleted the segment before the
        // statement could change it.
        _ => RequestError::Later(Cause::Text(String::from("the segment is being changed"))),
    })
}

/// Returns `TooLarge` if the size of an entry or a pod is over the limit.
pub(crate) fn check_size(bytes: usize) -> Result<(), StoreError> {
    if bytes <= MAX_ENTRY_BYTES {
        return Ok(());
    }
    Err(StoreError::TooLarge { size: bytes as u64, limit: MAX_ENTRY_BYTES as u64 })
}

pub(crate) fn size(texts: &[&str]) -> i64 {
    texts.iter().map(|text| text.len() as i64 + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_over_the_limit_is_too_large() {
        assert!(check_size(MAX_ENTRY_BYTES).is_ok());
        let error = check_size(MAX_ENTRY_BYTES + 1).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error:?}");
    }
}
