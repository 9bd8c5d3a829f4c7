//! One conditional append, and finding out what became of it when the reply is lost.

use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError};

/// How often an append is repeated whose reply was lost. Repeating is safe (H5), but a store that is gone
/// is the caller's to wait for.
const REPEATS: usize = 3;

/// Entries to append to a segment at a place where its log is known to end.
pub(crate) struct Attempt<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) session_id: SessionId,
    pub(crate) segment_id: SegmentId,
    pub(crate) expected: Option<Head>,
    /// The position at which the first of the entries must come to stand.
    pub(crate) place: usize,
    pub(crate) entries: &'a [LogEntry],
}

/// What an attempt came to.
pub(crate) struct Landing {
    /// How many of the entries are in the log at their place, for certain.
    pub(crate) appended: usize,
    /// The head to expect from now on. Where others have written after the entries it is the old one, which
    /// can't come back, so that the next append is a conflict.
    pub(crate) head: Option<Head>,
    pub(crate) result: Result<(), StoreError>,
}

/// What stands at the place of the entries.
struct Seen {
    ours: usize,
    /// The head, if the log ends after ours.
    head: Option<Head>,
}

impl<S: Store> Attempt<'_, S> {
    /// Appends. An append whose reply is lost is repeated, which can't append twice, until a reply says
    /// that it is done or that the log has moved; then the entries are looked for at their place. With
    /// `sent_before` the entries may be there already from an earlier attempt.
    pub(crate) fn run(&self, sent_before: bool) -> Landing {
        let (mut in_doubt, mut repeats) = (sent_before, REPEATS);
        loop {
            let error = match self.send() {
                Ok(head) => return self.whole(self.after_ours(head)),
                Err(error) => error,
            };
            in_doubt |= error.is_indeterminate();
            match error {
                conflict @ StoreError::Conflict { .. } if in_doubt => {
                    return self.look_after(conflict);
                }
                definite if !in_doubt => return self.failed(definite),
                // Even a definite refusal says nothing about the attempt before it.
                error if repeats == 0 => return self.nothing(self.unknown(error)),
                _ => repeats -= 1,
            }
        }
    }

    /// Looks whether entries that were sent before are there, and sends nothing.
    pub(crate) fn look(&self) -> Result<Landing, StoreError> {
        let Seen { ours, head } = self.seen()?;
        let head = if ours == 0 { self.expected } else { head.or(self.expected) };
        Ok(Landing { appended: ours, head, result: Ok(()) })
    }

    fn send(&self) -> Result<Head, StoreError> {
        self.store.append_if(self.session_id, self.segment_id, self.expected, self.entries)
    }

    /// The log has moved: by these entries, or by others.
    fn look_after(&self, conflict: StoreError) -> Landing {
        if self.entries.is_empty() && self.expected.is_some() {
            return self.nothing(conflict);
        }
        match self.seen() {
            Ok(Seen { ours, head }) if ours == self.entries.len() => {
                self.whole(head.or(self.expected))
            }
            Ok(Seen { ours: 0, .. }) => self.nothing(conflict),
            Ok(Seen { ours, head: Some(head) }) => self.rest(ours, head),
            Ok(Seen { ours, head: None }) => self.part(ours, self.expected, conflict),
            Err(error) => self.nothing(self.unknown(error)),
        }
    }

    /// A part is there and the log ends after it, so the rest can follow where it belongs.
    fn rest(&self, ours: usize, head: Head) -> Landing {
        let rest = Attempt {
            expected: Some(head),
            place: self.place + ours,
            entries: &self.entries[ours..],
            ..*self
        };
        let Landing { appended, head, result } = rest.run(false);
        match result {
            Ok(()) => self.whole(head),
            Err(StoreError::Partial { source, .. }) => self.part(ours + appended, head, *source),
            Err(error) => self.part(ours, head, error),
        }
    }

    /// A refusal that is certain. Where a part was stored, only the head is still to be found.
    fn failed(&self, error: StoreError) -> Landing {
        let StoreError::Partial { appended, .. } = error else { return self.nothing(error) };
        let head = self.seen().ok().filter(|seen| seen.ours == appended).and_then(|seen| seen.head);
        Landing { appended, head: head.or(self.expected), result: Err(error) }
    }

    fn unknown(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Indeterminate { .. } => error,
            other => StoreError::Indeterminate {
                operation: format!("append to segment {}", self.segment_id),
                source: Box::new(other),
            },
        }
    }

    /// The head to expect from now on, if `head` is that after the entries. On a store that only does its
    /// best, it may be after another's.
    fn after_ours(&self, head: Head) -> Option<Head> {
        if head.entries() == self.place + self.entries.len() { Some(head) } else { self.expected }
    }

    fn seen(&self) -> Result<Seen, StoreError> {
        let bytes = self.entries.iter().map(|entry| entry.as_json().len()).sum();
        match self.store.read_page(self.session_id, self.segment_id, self.place, bytes) {
            Ok(page) => {
                let pairs = self.entries.iter().zip(&page.entries);
                let ours = pairs.take_while(|(sent, there)| sent == there).count();
                let ends_there = page.head.entries() == self.place + ours;
                Ok(Seen { ours, head: ends_there.then_some(page.head) })
            }
            Err(error) if error.is_not_found() => Ok(Seen { ours: 0, head: None }),
            Err(error) => Err(error),
        }
    }

    fn whole(&self, head: Option<Head>) -> Landing {
        Landing { appended: self.entries.len(), head, result: Ok(()) }
    }

    fn part(&self, appended: usize, head: Option<Head>, source: StoreError) -> Landing {
        let result = Err(StoreError::Partial { appended, source: Box::new(source) });
        Landing { appended, head, result }
    }

    fn nothing(&self, error: StoreError) -> Landing {
        Landing { appended: 0, head: self.expected, result: Err(error) }
    }
}
