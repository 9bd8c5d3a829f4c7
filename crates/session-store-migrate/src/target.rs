//! The target of a copy: a log or a trace of the destination. The copy appends to the target. A
//! write to a log is conditional on its *head*, a value that changes with every change of the log.
//! A trace has no head.

use session_store_core::{
    AppendAttempt, Checkpoint, Entry, Head, LogEntry, Resolution, StoreError, TraceEntry,
};

use crate::memory::Share;
use crate::options::{OnConflict, WritePolicy};
use crate::read::{Reader, Segment};

/// A log or a trace to which a copy appends entries.
pub(crate) trait Target {
    type Entry: Entry;

    /// Iterates over the stored entries. For a log, the iterator returns as many entries as the
    /// recorded head counts.
    fn stored(&self) -> impl Iterator<Item = Result<Self::Entry, StoreError>>;

    /// Appends `batch` to a log or trace that has `position` entries.
    fn append(&mut self, position: usize, batch: &[Self::Entry]) -> Result<(), StoreError>;

    /// Truncates the target to its first `keep` entries. Returns the number of truncated entries,
    /// or `None` if the rules of the copy forbid the truncation.
    fn cut(&mut self, _keep: usize) -> Result<Option<usize>, StoreError> {
        Ok(None)
    }

    /// Ends the extension, after the last append. If the source has no entries, there was no
    /// append, so this call creates the segment if it does not exist.
    fn finish(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns the size at which a batch is appended, in bytes.
    fn batch_bytes(&self) -> usize;
}

/// The log of a segment. Every write fails if the stored log has another head than `head`.
pub(crate) struct Log<'a> {
    pub(crate) segment: Segment<'a>,
    pub(crate) share: &'a Share<'a>,
    pub(crate) policy: WritePolicy,
    /// The head of the log after the last read or write of this run. `None` if the segment does not
    /// exist.
    pub(crate) head: Option<Head>,
    /// The number of entries at the start of the log that existed before this run. Without
    /// [`OnConflict::Replace`], only the entries after them may be truncated.
    pub(crate) existing: usize,
}

impl<'a> Log<'a> {
    /// Reads the head of the log.
    pub(crate) fn open(
        segment: Segment<'a>,
        share: &'a Share<'a>,
        policy: WritePolicy,
    ) -> Result<Self, StoreError> {
        let head = segment.head()?;
        let existing = head.map_or(0, |head| head.entries());
        Ok(Self { segment, share, policy, head, existing })
    }

    /// Reads the head of the log again. If another writer has changed the log, `existing` is set to
    /// the number of all entries of the log.
    ///
    /// In a dry run, `head` counts writes that were not made, so `head` is always replaced by the
    /// head of the stored log.
    pub(crate) fn refresh(&mut self) -> Result<(), StoreError> {
        let now = Self::open(self.segment, self.share, self.policy)?;
        if now.head != self.head || self.policy.dry_run {
            *self = now;
        }
        Ok(())
    }
}

impl Target for Log<'_> {
    type Entry = LogEntry;

    /// Does not return entries that another writer has appended after `head` was read. If there are
    /// such entries, the first write fails with a conflict.
    fn stored(&self) -> impl Iterator<Item = Result<LogEntry, StoreError>> {
        let entries = self.head.map_or(0, |head| head.entries());
        let reader = Reader::new(self.segment, self.share, Checkpoint::START);
        // If the segment does not exist, there is no head, `entries` is 0, and the reader reads
        // nothing. A read of a missing segment would fail.
        reader.take(entries)
    }

    /// Appends the batch with an [`AppendAttempt`]. If the reply of the append is lost, the attempt
    /// finds out whether the entries are stored, and never appends them twice.
    fn append(&mut self, position: usize, batch: &[LogEntry]) -> Result<(), StoreError> {
        if self.policy.dry_run {
            self.head = Some(Head::new(position + batch.len(), 0));
            return Ok(());
        }
        let attempt = AppendAttempt::new(self.segment, self.head, position, batch);
        let Resolution { head, result, .. } = attempt.append();
        self.head = head;
        result
    }

    fn cut(&mut self, keep: usize) -> Result<Option<usize>, StoreError> {
        let may_cut = keep >= self.existing || self.policy.on_conflict == OnConflict::Replace;
        let Some(head) = self.head.filter(|_| may_cut) else { return Ok(None) };
        self.head = Some(if self.policy.dry_run {
            Head::new(keep, 0)
        } else {
            self.segment.truncate_if(head, keep)?
        });
        self.existing = self.existing.min(keep);
        Ok(Some(head.entries() - keep))
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        if self.head.is_none() { self.append(0, &[]) } else { Ok(()) }
    }

    fn batch_bytes(&self) -> usize {
        self.share.budget().batch_bytes()
    }
}

/// The trace of a segment. Appends are not conditional, because a trace has no head. A trace cannot
/// be truncated.
pub(crate) struct Trace<'a> {
    pub(crate) segment: Segment<'a>,
    pub(crate) share: &'a Share<'a>,
    pub(crate) dry_run: bool,
}

impl Trace<'_> {
    /// Appends one entry. If the reply of the append is lost, reads the trace to find out whether
    /// the entry is stored.
    fn append_one(&self, position: usize, entry: &TraceEntry) -> Result<(), StoreError> {
        let lost = match self.segment.append_trace(entry) {
            Err(error) if error.is_indeterminate() => error,
            result => return result,
        };
        // If the entry is not in the trace, it is not sent again here. The request of the lost
        // append may still arrive, and the trace would then contain the entry twice (A6). A later
        // pass of the migration compares the trace again and appends the missing entries. A failed
        // read also returns `lost`. The error of the read would be wrong, because it would mean
        // that nothing was stored (A5).
        match self.segment.read_trace_page(position, 0) {
            Ok(page) if page.entries.first() == Some(entry) => Ok(()),
            _ => Err(lost),
        }
    }
}

impl Target for Trace<'_> {
    type Entry = TraceEntry;

    fn stored(&self) -> impl Iterator<Item = Result<TraceEntry, StoreError>> {
        Reader::new(self.segment, self.share, Checkpoint::START)
    }

    fn append(&mut self, position: usize, batch: &[TraceEntry]) -> Result<(), StoreError> {
        if self.dry_run {
            return Ok(());
        }
        for (appended, entry) in batch.iter().enumerate() {
            self.append_one(position + appended, entry).map_err(|error| match appended {
                0 => error,
                _ => StoreError::Partial { appended, source: Box::new(error) },
            })?;
        }
        Ok(())
    }

    fn batch_bytes(&self) -> usize {
        self.share.budget().batch_bytes()
    }
}
