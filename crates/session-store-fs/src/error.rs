//! The construction of errors: I/O errors with their operation and path, and errors for stored
//! bytes that are not an entry.

use std::io;
use std::path::Path;

use session_store_core::StoreError;

/// Turns an [`io::Error`] into a [`StoreError`] that names the operation and the path.
pub(crate) trait Context<T> {
    /// Adds the operation, a verb such as "read", and the path.
    fn context(self, verb: &str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, verb: &str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::io(format!("{verb} {}", path.display()), error))
    }
}

/// Returns the error for an open lock file that no longer has its name.
pub(crate) fn removed(path: &Path) -> StoreError {
    let reason = "another program removed or replaced this file; open the store again";
    StoreError::io(format!("use the lock {}", path.display()), io::Error::other(reason))
}

/// Turns [`io::ErrorKind::NotFound`] into `None`.
pub(crate) fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the error for a line of a log that is not an entry. `first` is the first byte of the
/// line. `before` and `later` are the numbers of lines before and after the line, without blank
/// lines.
pub(crate) fn corrupt_line(
    path: &Path,
    line: usize,
    first: u8,
    before: usize,
    later: usize,
    cause: &StoreError,
) -> StoreError {
    match corrupt(path, line, "a JSON object", cause) {
        // A power cut during a truncation can leave NUL bytes. A reader normally ends the log
        // before them, because a file in `.session-store` has the offset of the truncation. The
        // reader finds NUL bytes only if that offset is missing: either the folder was lost, or an
        // older program truncated the log.
        StoreError::Corrupt { line, message } if first == 0 => StoreError::Corrupt {
            line,
            message: format!(
                "{message}; the line starts with NUL bytes, which a power cut during a truncation \
                 can leave; to finish the truncation, truncate the segment to its first {before} \
                 entries, or repair it: a repair moves this line and the later lines ({later}) out \
                 of the log and keeps them in a file"
            ),
        },
        error => error,
    }
}

/// Returns the error for a line that does not contain what is `expected`, for example "a pod". The
/// error names the physical line, the file, and the reason that the parser gives.
pub(crate) fn corrupt(path: &Path, line: usize, expected: &str, cause: &StoreError) -> StoreError {
    let reason = match cause {
        StoreError::Serde(error) => {
            // Remove the parser's own line number, which is always 1, because the parser gets one
            // line at a time.
            let text = error.to_string();
            let (reason, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
            match error.column() {
                0 => reason.to_owned(),
                column => format!("{reason} at column {column}"),
            }
        }
        other => other.to_string(),
    };
    let message = format!("this line of {} is not {expected}: {reason}", path.display());
    StoreError::Corrupt { line, message }
}
