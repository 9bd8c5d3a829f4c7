//! The text in the lock file of an exclusive handle, and the errors for other handles, for the
//! crates of stores with an exclusive mode ([S11](crate::contract#s11)). The crates open and lock
//! the file.

use std::io;
use std::process;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The maximum number of bytes to read of a lock file. The text of an owner is shorter.
pub const MAX_OWNER_BYTES: u64 = 64;

/// Returns the text that describes the owner of the lock: the id of this process, and the time in
/// seconds since 1970.
#[must_use]
pub fn owner() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{} {}\n", process::id(), now.as_secs())
}

/// Returns whether this content of a lock file is the text of an owner.
#[must_use]
pub fn is_owner(content: &[u8]) -> bool {
    describe(content).is_some()
}

/// Returns the error for a handle that an exclusive handle excludes. `content` is the content of
/// the lock file. If the content is not the text of an owner, the error does not name a process.
#[must_use]
pub fn excluded(content: &[u8]) -> io::Error {
    let owner = describe(content).unwrap_or_default();
    let cause =
        format!("another handle has opened the store exclusively{owner}; close that handle first");
    busy(cause)
}

/// Returns an error of the kind [`ResourceBusy`](io::ErrorKind::ResourceBusy), which is transient.
#[must_use]
pub fn busy(cause: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, cause.into())
}

/// Describes the owner from the content of the lock file.
fn describe(content: &[u8]) -> Option<String> {
    let (process, seconds) = str::from_utf8(content).ok()?.trim_end().split_once(' ')?;
    let (process, seconds) = (process.parse::<u32>().ok()?, seconds.parse().ok()?);
    let since = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let age = since.elapsed().unwrap_or_default().as_secs();
    Some(format!(" (process {process}, {age} seconds ago)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_described_only_from_a_whole_text() {
        assert_eq!(describe(b"12 99999999999\n").unwrap(), " (process 12, 0 seconds ago)");
        let this = format!(" (process {}, 0 seconds ago)", process::id());
        assert_eq!(describe(owner().as_bytes()).unwrap(), this);
        for damaged in [
            &b""[..],
            b"12",
            b"12 ",
            b"x 1\n",
            b"12 1 2\n",
            b"\xff 1\n",
            b"1 99999999999999999999\n",
        ] {
            assert_eq!(describe(damaged), None, "{damaged:?}");
        }
    }
}
