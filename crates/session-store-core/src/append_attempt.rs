//! `AppendAttempt`: a conditional append. If the reply is lost, the attempt finds out whether the
//! entries are stored.

use crate::{Head, LogEntry, SegmentRef, Store, StoreError};

/// The number of times that an append is sent again after a lost reply. The attempt does not wait
/// between two sends. If a store is down for longer, the caller must wait and try again.
///
/// Clause [H5](crate::contract#h5).
const RESENDS: usize = 3;

/// An attempt to append entries to a log whose head is known.
///
/// If a store returns [`StoreError::Indeterminate`], the attempt finds out whether the entries are
/// stored. First it sends the append again with the same head. The entries cannot be appended
/// twice: if the first append was executed, it has changed the head, so the second append is a
/// conflict ([H5](crate::contract#h5)). After a conflict, the attempt reads the log at the position
/// of the entries. The result is `Indeterminate` only if the repeated appends or the read fail too.
///
/// Two writers that append the same bytes at the same position cannot be distinguished. Entries
/// should therefore contain something unique to their writer, such as a time or an id.
#[derive(Debug)]
pub struct AppendAttempt<'a, S: ?Sized> {
    segment: SegmentRef<'a, S>,
    expected: Option<Head>,
    position: usize,
    entries: &'a [LogEntry],
}

/// The outcome of an [`AppendAttempt`].
#[derive(Debug)]
#[must_use = "the result can be an error"]
pub struct Resolution {
    /// The number of entries of the attempt that are certainly stored at their positions in the
    /// log.
    pub appended: usize,
    /// The head to expect at the next append. If other writers have appended after the entries,
    /// this is the head before the attempt. The log never has this head again, so the next append
    /// is a conflict, as it must be.
    pub head: Option<Head>,
    /// The error of the append, if not all entries are known to be stored.
    /// [`find`](AppendAttempt::find) appends nothing, so its outcome has no error.
    pub result: Result<(), StoreError>,
}

/// The content of the log at the place of the entries.
struct Found {
    /// The number of entries of the attempt that are stored at their place.
    stored: usize,
    /// The head of the log, if the log ends directly after the stored entries.
    head: Option<Head>,
}

impl<'a, S: Store + ?Sized> AppendAttempt<'a, S> {
    /// Returns an attempt to append `entries` if the head of the segment is `expected`.
    ///
    /// `position` is the position that the first of `entries` gets in the log. Usually this is the
    /// number of entries in `expected`. The caller passes a larger number if `expected` is an older
    /// head. This happens if another writer appended directly after the caller, so that the head
    /// between the two appends is unknown.
    pub const fn new(
        segment: SegmentRef<'a, S>,
        expected: Option<Head>,
        position: usize,
        entries: &'a [LogEntry],
    ) -> Self {
        Self { segment, expected, position, entries }
    }

    /// Appends the entries.
    pub fn append(&self) -> Resolution {
        self.run(false)
    }

    /// Appends the entries again, after an earlier attempt whose outcome is unknown. The earlier
    /// attempt can have stored the entries.
    pub fn retry(&self) -> Resolution {
        self.run(true)
    }

    /// Finds out whether an earlier attempt stored the entries. Only reads.
    ///
    /// # Errors
    /// As [`Store::read_page`].
    pub fn find(&self) -> Result<Resolution, StoreError> {
        let Found { stored, head } = self.read()?;
        let head = if stored == 0 { self.expected } else { head.or(self.expected) };
        Ok(Resolution { appended: stored, head, result: Ok(()) })
    }

    fn run(&self, sent_before: bool) -> Resolution {
        let mut maybe_stored = sent_before;
        let mut resends = RESENDS;
        loop {
            let error = match self.segment.append_if(self.expected, self.entries) {
                Ok(head) => return self.complete(self.head_after_entries(head)),
                Err(error) => error,
            };
            maybe_stored |= error.is_indeterminate();
            match error {
                conflict @ StoreError::Conflict { .. } if maybe_stored => {
                    return self.resolve(conflict);
                }
                error if !maybe_stored => return self.fail(error),
                // This append has stored nothing, but an earlier append can have stored the
                // entries. This error alone would mean that nothing was stored (A5). So return an
                // unknown outcome.
                error if resends == 0 => return self.nothing(self.unknown(error)),
                _ => resends -= 1,
            }
        }
    }

    /// Finds out the cause of a conflict: the entries of this attempt are stored, or another writer
    /// has changed the log.
    fn resolve(&self, conflict: StoreError) -> Resolution {
        if self.entries.is_empty() && self.expected.is_some() {
            return self.nothing(conflict);
        }
        match self.read() {
            // An attempt without entries creates an empty segment. If the log has entries, they
            // come from another writer, so the conflict is real.
            Ok(Found { stored: 0, head }) if !self.entries.is_empty() || head.is_none() => {
                self.nothing(conflict)
            }
            Ok(Found { stored, head }) if stored == self.entries.len() => {
                self.complete(head.or(self.expected))
            }
            Ok(Found { stored, head: Some(head) }) => self.append_rest(stored, head),
            Ok(Found { stored, head: None }) => self.part(stored, self.expected, conflict),
            Err(error) => self.nothing(self.unknown(error)),
        }
    }

    /// Appends the rest of a batch whose first `stored` entries are at the end of the log.
    fn append_rest(&self, stored: usize, head: Head) -> Resolution {
        let rest =
            Self::new(self.segment, Some(head), self.position + stored, &self.entries[stored..]);
        let Resolution { appended, head, result } = rest.append();
        match result {
            Ok(()) => self.complete(head),
            Err(StoreError::Partial { source, .. }) => self.part(stored + appended, head, *source),
            Err(error) => self.part(stored, head, error),
        }
    }

    /// Returns the outcome for an error that shows how many entries are stored. The error of a
    /// partial append does not contain the new head, so the log is read.
    fn fail(&self, error: StoreError) -> Resolution {
        let StoreError::Partial { appended, .. } = error else { return self.nothing(error) };
        let found = self.read().ok().filter(|found| found.stored == appended);
        let head = found.and_then(|found| found.head).or(self.expected);
        Resolution { appended, head, result: Err(error) }
    }

    fn unknown(&self, error: StoreError) -> StoreError {
        StoreError::indeterminate(format!("append to {}", self.segment.key()), error)
    }

    /// Returns the head to expect at the next append, after the append has returned `head`. A store
    /// can read the head in a second step after the append, so `head` can count entries of another
    /// writer. Then the head to expect is the old head, so that the next append is a conflict.
    fn head_after_entries(&self, head: Head) -> Option<Head> {
        if head.entries() == self.position + self.entries.len() {
            Some(head)
        } else {
            self.expected
        }
    }

    fn read(&self) -> Result<Found, StoreError> {
        let bytes = self.entries.iter().map(|entry| entry.as_json().len()).sum();
        match self.segment.read_page(self.position, bytes) {
            Ok(page) => {
                let pairs = self.entries.iter().zip(&page.entries);
                let stored = pairs.take_while(|(sent, found)| sent == found).count();
                let ends_there = page.head.entries() == self.position + stored;
                Ok(Found { stored, head: ends_there.then_some(page.head) })
            }
            Err(error) if error.is_not_found() => Ok(Found { stored: 0, head: None }),
            Err(error) => Err(error),
        }
    }

    fn complete(&self, head: Option<Head>) -> Resolution {
        Resolution { appended: self.entries.len(), head, result: Ok(()) }
    }

    fn part(&self, appended: usize, head: Option<Head>, source: StoreError) -> Resolution {
        let result = Err(StoreError::Partial { appended, source: Box::new(source) });
        Resolution { appended, head, result }
    }

    fn nothing(&self, error: StoreError) -> Resolution {
        Resolution { appended: 0, head: self.expected, result: Err(error) }
    }
}
