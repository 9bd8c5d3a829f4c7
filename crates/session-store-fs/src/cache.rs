//! The cache of a handle for the files of one stripe: a few open files, and the states of many
//! closed files. A state includes the index of the lines, so a file that is opened again need not
//! be scanned again. A stripe is a group of segments that share a lock.

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use session_store_core::{SegmentKey, StoreError};

use crate::layout::Kind;
use crate::lock_file::Generation;
use crate::log::{Log, LogState};

/// The number of files that a stripe keeps open.
const OPEN_FILES: usize = 2;

/// The number of closed files of a stripe whose states are cached.
const CLOSED_FILES: usize = 64;

type Name = (SegmentKey, Kind);

/// The cached files of one stripe. Each list is in the order of use, and ends with the most
/// recently used file.
#[derive(Default)]
pub(crate) struct Cache {
    open_files: VecDeque<(Name, Log)>,
    closed_files: VecDeque<(Name, LogState)>,
    /// Whether the stripe is in the queue of stripes with open files.
    pub(crate) is_counted: bool,
}

impl Cache {
    /// Returns the file as it is now, or `None` if the file does not exist. `open` is called if the
    /// file is not open, or if the open file can no longer be used. The argument of `open` is the
    /// earlier state of the file.
    ///
    /// If reading the file fails, the file is removed from the cache, because its index may be
    /// incomplete. The next call then reads the whole file again.
    pub(crate) fn open(
        &mut self,
        name: Name,
        generation: Generation,
        open: impl FnOnce(Instant, Option<LogState>) -> Result<Option<Log>, StoreError>,
    ) -> Result<Option<&mut Log>, StoreError> {
        let now = Instant::now();
        let mut log = match take(&mut self.open_files, name) {
            Some(log) if log.is_fresh(generation, now) => log,
            stale => {
                let state = stale.map(Log::into_state);
                let state = state.or_else(|| take(&mut self.closed_files, name));
                let Some(log) = open(now, state)? else { return Ok(None) };
                log
            }
        };
        log.catch_up()?;
        self.insert(name, log);
        Ok(self.open_files.back_mut().map(|(_, log)| log))
    }

    /// Returns the file if it is open and can be used, without reading its length.
    pub(crate) fn open_file(&mut self, name: Name, generation: Generation) -> Option<&mut Log> {
        let at = self.open_files.iter().position(|(cached, _)| *cached == name)?;
        let last = self.open_files.len() - 1;
        if at < last {
            self.open_files.swap(at, last);
        }
        let (_, log) = self.open_files.back_mut()?;
        log.is_fresh(generation, Instant::now()).then_some(log)
    }

    /// Returns the cached state of the file, whether it is open or closed.
    pub(crate) fn state(&self, name: Name) -> Option<&LogState> {
        let open = self.open_files.iter().map(|(cached, log)| (cached, &log.state));
        let closed = self.closed_files.iter().map(|(cached, state)| (cached, state));
        open.chain(closed).find(|(cached, _)| **cached == name).map(|(_, state)| state)
    }

    /// Removes the file from the cache.
    pub(crate) fn forget(&mut self, name: Name) {
        take(&mut self.open_files, name);
        take(&mut self.closed_files, name);
    }

    /// Closes the open files, and keeps their states.
    pub(crate) fn close_files(&mut self) {
        for (name, log) in mem::take(&mut self.open_files) {
            self.close(name, log);
        }
        self.is_counted = false;
    }

    /// Adds an open file whose index is up to date.
    pub(crate) fn insert(&mut self, name: Name, log: Log) {
        if self.open_files.len() == OPEN_FILES
            && let Some((name, log)) = self.open_files.pop_front()
        {
            self.close(name, log);
        }
        self.open_files.push_back((name, log));
    }

    fn close(&mut self, name: Name, log: Log) {
        if self.closed_files.len() == CLOSED_FILES {
            self.closed_files.pop_front();
        }
        self.closed_files.push_back((name, log.into_state()));
    }
}

fn take<T>(files: &mut VecDeque<(Name, T)>, name: Name) -> Option<T> {
    let at = files.iter().position(|(cached, _)| *cached == name)?;
    files.remove(at).map(|(_, file)| file)
}
