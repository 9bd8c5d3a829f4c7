//! What entries are appended to: a log or a trace of the destination, and what may be cut of it.

use session_store_core::{Head, LogEntry, StoreError, TraceEntry};

use crate::entry::Entry;
use crate::options::OnConflict;
use crate::read::{Mark, Place, Reader};

/// How often a call is repeated whose outcome is unknown.
const REPEATS: usize = 3;

/// A log or trace that is brought up to a source.
pub(crate) trait Target {
    type Entry: Entry;

    /// What is there, no further than this target knows.
    fn present(&self) -> impl Iterator<Item = Result<Self::Entry, StoreError>>;

    /// Appends after the first `at` entries, and fails with [`StoreError::Conflict`] if somebody else has.
    fn append(&mut self, at: usize, batch: &[Self::Entry]) -> Result<(), StoreError>;

    /// Whether what follows the first `keep` entries may go.
    fn may_cut(&self, keep: usize) -> bool;

    /// Lets everything go that follows the first `keep` entries, and returns how many those were.
    fn cut(&mut self, keep: usize) -> Result<usize, StoreError>;

    /// Creates what had no entries to create it.
    fn finish(&mut self) -> Result<(), StoreError>;

    fn batch_bytes(&self) -> usize;
}

/// A segment's log, every change of it conditional on its head.
pub(crate) struct Log<'a> {
    place: Place<'a>,
    head: Option<Head>,
    /// The entries from here on were written through this value, and are there as long as the head is.
    existing: usize,
    policy: WritePolicy,
}

/// What may be done to a destination.
#[derive(Clone, Copy, Default)]
pub(crate) struct WritePolicy {
    pub(crate) on_conflict: OnConflict,
    /// Changes are thought out and not made.
    pub(crate) dry_run: bool,
}

impl<'a> Log<'a> {
    /// The log as it is now.
    pub(crate) fn open(place: Place<'a>, policy: WritePolicy) -> Result<Self, StoreError> {
        let head = place.store.head(place.key.0, place.key.1)?;
        Ok(Self { place, head, existing: head.map_or(0, |head| head.entries()), policy })
    }

    /// The log as it was left by a value with this head and these entries of its own.
    pub(crate) fn resume(
        place: Place<'a>,
        policy: WritePolicy,
        head: Option<Head>,
        existing: usize,
    ) -> Self {
        Self { place, head, existing, policy }
    }

    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    pub(crate) fn existing(&self) -> usize {
        self.existing
    }

    /// Looks again. Where somebody else has written, nothing is ours any more.
    pub(crate) fn refresh(&mut self) -> Result<(), StoreError> {
        let now = Self::open(self.place, self.policy)?;
        if now.head != self.head || self.policy.dry_run {
            *self = now;
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.head.map_or(0, |head| head.entries())
    }

    fn append_if(&self, batch: &[LogEntry]) -> Result<Head, StoreError> {
        let Place { store, key, .. } = self.place;
        store.append_if(key.0, key.1, self.head, batch)
    }

    /// The head behind this batch, if it stands where it belongs and nothing follows it.
    fn landed(&self, batch: &[LogEntry]) -> Result<Option<Head>, StoreError> {
        let mut there = Reader::<LogEntry>::new(self.place, Mark::after(self.len()));
        for entry in batch {
            match there.next().transpose() {
                Ok(Some(found)) if found == *entry => {}
                Ok(_) | Err(StoreError::NotFound(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let head = self.place.store.head(self.place.key.0, self.place.key.1)?;
        Ok(head.filter(|head| head.entries() == self.len() + batch.len()))
    }
}

impl Target for Log<'_> {
    type Entry = LogEntry;

    /// No further than the head: what is appended from then on makes the first write a conflict.
    fn present(&self) -> impl Iterator<Item = Result<LogEntry, StoreError>> {
        let place = self.place;
        let entries = self.head.map(|_| Reader::new(place, Mark::START));
        entries.into_iter().flatten().take(self.len())
    }

    /// An append whose reply is lost is repeated with the old head, which cannot append twice (H5), until a
    /// reply says that it is done or that the log has moved; then it is looked for.
    fn append(&mut self, at: usize, batch: &[LogEntry]) -> Result<(), StoreError> {
        if self.policy.dry_run {
            self.head = Some(Head::new(at + batch.len(), 0));
            return Ok(());
        }
        let mut answer = self.append_if(batch);
        for _ in 0..REPEATS {
            if !is_unknown(&answer) {
                break;
            }
            answer = match self.append_if(batch) {
                Err(error @ StoreError::Conflict { .. }) => self.landed(batch)?.ok_or(error),
                other => other,
            };
        }
        self.head = Some(answer?);
        Ok(())
    }

    fn may_cut(&self, keep: usize) -> bool {
        keep >= self.existing || self.policy.on_conflict == OnConflict::Replace
    }

    fn cut(&mut self, keep: usize) -> Result<usize, StoreError> {
        let Some(head) = self.head else { return Ok(0) };
        let Place { store, key, .. } = self.place;
        self.head = Some(match self.policy.dry_run {
            true => Head::new(keep, 0),
            false => store.truncate_if(key.0, key.1, head, keep)?,
        });
        self.existing = self.existing.min(keep);
        Ok(head.entries() - keep)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        if self.head.is_none() { self.append(0, &[]) } else { Ok(()) }
    }

    fn batch_bytes(&self) -> usize {
        self.place.share.budget().batch_bytes()
    }
}

/// A segment's trace. It has no head, so appends to it are not conditional, and it cannot be cut.
pub(crate) struct Trace<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) dry_run: bool,
}

impl Trace<'_> {
    /// A lost reply is followed by a look: what is there is not sent again.
    fn append_one(&self, at: usize, entry: &TraceEntry) -> Result<(), StoreError> {
        let Place { store, key, .. } = self.place;
        let mut answer = store.append_trace(key.0, key.1, entry);
        for _ in 0..REPEATS {
            if !is_unknown(&answer) {
                break;
            }
            let there = store.read_trace_page(key.0, key.1, at, 0)?;
            answer = match there.entries.first() {
                Some(there) if there == entry => Ok(()),
                _ => store.append_trace(key.0, key.1, entry),
            };
        }
        answer
    }
}

impl Target for Trace<'_> {
    type Entry = TraceEntry;

    fn present(&self) -> impl Iterator<Item = Result<TraceEntry, StoreError>> {
        Reader::new(self.place, Mark::START)
    }

    fn append(&mut self, at: usize, batch: &[TraceEntry]) -> Result<(), StoreError> {
        if self.dry_run {
            return Ok(());
        }
        for (appended, entry) in batch.iter().enumerate() {
            self.append_one(at + appended, entry).map_err(|error| match appended {
                0 => error,
                _ => StoreError::Partial { appended, source: Box::new(error) },
            })?;
        }
        Ok(())
    }

    fn may_cut(&self, _: usize) -> bool {
        false
    }

    fn cut(&mut self, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn batch_bytes(&self) -> usize {
        self.place.share.budget().batch_bytes()
    }
}

/// Whether nobody knows what became of the whole call.
fn is_unknown<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Indeterminate { .. }))
}
