//! How this crate words failures: I/O errors with what was tried and where, and lines that are no entry.

use std::io;
use std::path::Path;

use session_store_core::StoreError;

/// Gives an I/O result its context.
pub(crate) trait Attempt<T> {
    /// Says what was tried, as a verb, and on which path.
    fn trying(self, verb: &str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn trying(self, verb: &str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::io(format!("{verb} {}", path.display()), error))
    }
}

/// `None` where the thing is not there.
pub(crate) fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stored bytes that are no entry: the physical line, the file, and what the parser found in the line.
pub(crate) fn corrupt(path: &Path, line: usize, cause: &StoreError) -> StoreError {
    let found = match cause {
        StoreError::Serde(error) => {
            let text = error.to_string();
            let (what, _) = text.split_once(" at line ").unwrap_or((&text, ""));
            match error.column() {
                0 => what.to_owned(),
                column => format!("{what} at column {column}"),
            }
        }
        other => other.to_string(),
    };
    StoreError::Corrupt {
        line,
        message: format!("line {line} of {} is no entry: {found}", path.display()),
    }
}
