//! What making, reading and restoring a backup reports while it goes on.

/// An event, for a progress bar or a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackupProgress {
    /// A step begins.
    Begin {
        /// Which one.
        step: Step,
        /// How many logs, traces and pods it deals with; 0 where nobody knows yet.
        parts: usize,
    },
    /// A log, trace or pod begins.
    Started {
        /// How many lines it has, as far as is known.
        entries: usize,
    },
    /// So much more was read; a long log gives one such event a MiB.
    Read {
        /// Lines since the last event.
        entries: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// A log, trace or pod is done.
    Done,
}

/// What is done with a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A store is written into it.
    Export,
    /// It is read, to see whether it is whole.
    Check,
    /// It is written into a store.
    Restore,
    /// That store is read back.
    Prove,
}

/// Gathers what was read and reports it about once a MiB.
pub(super) struct Meter<'a> {
    report: &'a mut dyn FnMut(BackupProgress),
    entries: usize,
    bytes: u64,
}

impl<'a> Meter<'a> {
    const STEP: u64 = 1024 * 1024;

    pub(super) fn new(report: &'a mut dyn FnMut(BackupProgress)) -> Self {
        Self { report, entries: 0, bytes: 0 }
    }

    pub(super) fn begin(&mut self, step: Step, parts: usize) {
        self.report(BackupProgress::Begin { step, parts });
    }

    pub(super) fn started(&mut self, entries: usize) {
        self.report(BackupProgress::Started { entries });
    }

    pub(super) fn read(&mut self, line: usize) {
        self.entries += 1;
        self.bytes += line as u64;
        if self.bytes >= Self::STEP {
            self.flush();
        }
    }

    pub(super) fn done(&mut self) {
        self.report(BackupProgress::Done);
    }

    /// Reports an event, after what was read before it.
    fn report(&mut self, event: BackupProgress) {
        self.flush();
        (self.report)(event);
    }

    fn flush(&mut self) {
        if self.entries > 0 {
            (self.report)(BackupProgress::Read { entries: self.entries, bytes: self.bytes });
            (self.entries, self.bytes) = (0, 0);
        }
    }
}
