//! The folder of a database: the time at which a file in it was last created, removed or renamed.

use std::io;
use std::path::Path;

#[cfg(unix)]
pub(crate) use unix::{ChangeTime, Folder};

#[cfg(unix)]
mod unix {
    use std::os::fd::OwnedFd;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use rustix::fs::{Mode, OFlags, fstat, open};

    use super::{Path, io};

    /// The longest step of the clock that file systems take their times from, with a margin. Linux
    /// kernels advance it every 1 to 10 ms.
    const CLOCK_STEP: Duration = Duration::from_millis(100);

    /// An open folder.
    pub(crate) struct Folder(OwnedFd);

    impl Folder {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            // Linux needs no permission on a folder to open it with O_PATH.
            #[cfg(target_os = "linux")]
            let access = OFlags::PATH;
            #[cfg(not(target_os = "linux"))]
            let access = OFlags::RDONLY;
            let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self(open(path, flags, Mode::empty())?))
        }

        pub(crate) fn changed(&self) -> io::Result<ChangeTime> {
            let status = fstat(&self.0)?;
            Ok(ChangeTime { seconds: status.st_ctime, nanoseconds: status.st_ctime_nsec as i64 })
        }
    }

    /// The time of the last change of a folder.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct ChangeTime {
        seconds: i64,
        nanoseconds: i64,
    }

    impl ChangeTime {
        /// Returns whether every later change of the folder has another time.
        ///
        /// The clock of a file system advances in steps, so two changes in one step have the same
        /// time. A time in the future, after the clock was set back, can come a second time.
        pub(crate) fn is_settled(self) -> bool {
            let part = |value: i64| u64::try_from(value).ok();
            let since_1970 = part(self.seconds).zip(part(self.nanoseconds));
            since_1970
                .map(|(s, ns)| UNIX_EPOCH + Duration::from_secs(s) + Duration::from_nanos(ns))
                .and_then(|time| SystemTime::now().duration_since(time).ok())
                .is_some_and(|age| age > CLOCK_STEP)
        }
    }
}

/// Other systems do not let an open file be removed or replaced, so no time is needed.
#[cfg(not(unix))]
mod other {
    use super::{Path, io};

    pub(crate) struct Folder;

    impl Folder {
        pub(crate) fn open(_: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn changed(&self) -> io::Result<ChangeTime> {
            Ok(ChangeTime)
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct ChangeTime;

    impl ChangeTime {
        pub(crate) fn is_settled(self) -> bool {
            true
        }
    }
}
#[cfg(not(unix))]
pub(crate) use other::{ChangeTime, Folder};
