//! What a run reports while it goes on.

use std::sync::mpsc::SyncSender;

use crate::text::Text;
use crate::{Failure, SegmentComparison, SegmentCopy};

/// An event of a run, for a progress bar or a log. All come on the thread that called.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A phase begins, with so many segments to do.
    Begin {
        /// What is done with them.
        phase: Phase,
        /// How many segments there are.
        segments: usize,
    },
    /// A segment begins.
    Started {
        /// How many entries there are to read, as far as is known.
        entries: usize,
    },
    /// So much more of the source was read; a long segment gives one such event a MiB.
    Read {
        /// Entries of logs and traces since the last event.
        entries: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// A segment was copied, or could not be.
    Copied(&'a SegmentCopy),
    /// A segment was compared.
    Compared(&'a SegmentComparison),
    /// A store failed where a whole pass depends on it, and [`follow`](crate::follow()) goes on to the next.
    Troubled(&'a Failure),
}

/// The parts of a migration; a verification has only the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Entries go from the source to the destination.
    Copy,
    /// What has moved at the source since is looked for, and copied.
    CatchUp,
    /// Both are read back.
    Compare,
}

/// What a job tells of its work.
pub(crate) enum Told<T> {
    Started(usize),
    Read { entries: usize, bytes: u64 },
    Done(T),
}

/// One job's count of what it has read, which it tells about once a MiB.
pub(crate) struct Tally<'a, T> {
    tell: &'a SyncSender<Told<T>>,
    entries: usize,
    bytes: u64,
}

impl<'a, T> Tally<'a, T> {
    const STEP: u64 = 1024 * 1024;

    pub(crate) fn new(tell: &'a SyncSender<Told<T>>) -> Self {
        Self { tell, entries: 0, bytes: 0 }
    }

    pub(crate) fn started(&self, entries: usize) {
        self.tell(Told::Started(entries));
    }

    pub(crate) fn count(&mut self, text: &str) {
        self.entries += 1;
        self.bytes += text.len() as u64;
        if self.bytes >= Self::STEP {
            self.flush();
        }
    }

    /// Counts what passes through.
    pub(crate) fn counted<'c, N: Text, E>(
        &'c mut self,
        entries: impl Iterator<Item = Result<N, E>> + 'c,
    ) -> impl Iterator<Item = Result<N, E>> + 'c {
        entries.inspect(|entry| {
            if let Ok(entry) = entry {
                self.count(entry.text());
            }
        })
    }

    pub(crate) fn flush(&mut self) {
        if self.entries > 0 {
            self.tell(Told::Read { entries: self.entries, bytes: self.bytes });
            (self.entries, self.bytes) = (0, 0);
        }
    }

    /// Nobody listens only when the caller's thread is panicking already.
    fn tell(&self, told: Told<T>) {
        let _ = self.tell.send(told);
    }
}
