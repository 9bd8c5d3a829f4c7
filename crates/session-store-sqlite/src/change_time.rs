//! The time of the last change of a folder or a file. A comparison with an earlier value shows
//! whether the folder or file has changed.

use std::fs;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::Path;
#[cfg(unix)]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest step of the clock that sets the times of files, with a margin. Linux kernels advance
/// this clock every 1 to 10 ms.
#[cfg(unix)]
const CLOCK_STEP: Duration = Duration::from_millis(100);

/// The identity of a folder or a file and the time of its last change.
///
/// A folder changes when a file in it is created, removed or renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeTime {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
    #[cfg(unix)]
    seconds_and_nanoseconds: (i64, i64),
}

impl ChangeTime {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_file| Self {
            #[cfg(unix)]
            device_and_inode: (_file.dev(), _file.ino()),
            #[cfg(unix)]
            seconds_and_nanoseconds: (_file.ctime(), _file.ctime_nsec()),
        })
    }

    /// Returns whether every later change has another time.
    ///
    /// The clock of a file system advances in steps, so two changes in one step have the same time.
    /// If the clock is set back, the time of an earlier change is in the future. A later change can
    /// then get the same time.
    #[cfg(unix)]
    pub(crate) fn is_settled(self) -> bool {
        let (seconds, nanoseconds) = self.seconds_and_nanoseconds;
        let part = |value: i64| u64::try_from(value).ok();
        part(seconds)
            .zip(part(nanoseconds))
            .map(|(s, ns)| UNIX_EPOCH + Duration::from_secs(s) + Duration::from_nanos(ns))
            .and_then(|time| SystemTime::now().duration_since(time).ok())
            .is_some_and(|age| age > CLOCK_STEP)
    }

    /// Other systems do not permit removing or replacing an open file, so the time does not matter.
    #[cfg(not(unix))]
    pub(crate) fn is_settled(self) -> bool {
        true
    }
}
