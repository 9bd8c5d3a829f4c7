//! Counts the entries that a job reads, and reports their number about once per MiB.

use crate::progress::Progress;

/// The number of bytes after which a meter reports.
const STEP: u64 = 1024 * 1024;

/// Counts entries and their bytes for progress events.
pub(crate) struct Meter<'a> {
    report: &'a mut dyn FnMut(Progress<'static>),
    entries: usize,
    bytes: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(report: &'a mut dyn FnMut(Progress<'static>)) -> Self {
        Self { report, entries: 0, bytes: 0 }
    }

    /// Counts one entry whose text has `bytes` bytes.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.entries += 1;
        self.bytes += bytes as u64;
        if self.bytes >= STEP {
            self.flush();
        }
    }

    /// Reports an event. The entries that were read before the event are reported first.
    pub(crate) fn report(&mut self, event: Progress<'static>) {
        self.flush();
        (self.report)(event);
    }

    /// Reports the entries that were read since the last report.
    pub(crate) fn flush(&mut self) {
        if self.entries > 0 {
            (self.report)(Progress::Read { entries: self.entries, bytes: self.bytes });
            (self.entries, self.bytes) = (0, 0);
        }
    }
}
