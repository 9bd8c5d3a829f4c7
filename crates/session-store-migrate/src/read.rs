//! Reading a log or a trace page by page, through the gate, as one log: what is cut or replaced meanwhile is
//! noticed.

use std::vec;

use session_store_core::{Head, Store, StoreError};

use crate::digest::Digest;
use crate::entry::Entry;
use crate::inventory::Key;
use crate::memory::{Permit, Share};

/// A log or trace of one store, read by one job.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) key: Key,
    pub(crate) share: &'a Share<'a>,
}

/// How far a log was read: enough to read on later, and to notice that it is another by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// How many entries were read.
    pub(crate) entries: usize,
    /// The head with the last of them; a trace has none.
    pub(crate) head: Option<Head>,
    /// The hash of the last of them.
    last: Option<Digest>,
}

impl Mark {
    pub(crate) const START: Self = Self::after(0);

    /// After so many entries, of which nothing else is known.
    pub(crate) const fn after(entries: usize) -> Self {
        Self { entries, head: None, last: None }
    }
}

/// Iterator over the entries from a mark on, as [`StoreExt::entries`](session_store_core::StoreExt::entries)
/// with less in memory: it ends at the end as it is then, or after the first error; a log that was cut or
/// replaced ends it with [`StoreError::Conflict`].
pub(crate) struct Reader<'a, T> {
    place: Place<'a>,
    page: vec::IntoIter<T>,
    permit: Option<Permit<'a>>,
    /// Where the page in hand ends.
    mark: Mark,
    /// Whether it began at a mark of before, and nothing was read since.
    resumed: bool,
    max_bytes: usize,
    state: State,
}

enum State {
    Reading,
    Failed(StoreError),
    Done,
}

impl<'a, T: Entry> Reader<'a, T> {
    pub(crate) fn new(place: Place<'a>, mark: Mark) -> Self {
        let max_bytes = place.share.budget().page_bytes();
        let page = Vec::new().into_iter();
        let resumed = mark.last.is_some();
        Self { place, page, permit: None, mark, resumed, max_bytes, state: State::Reading }
    }

    /// How far everything was read, once the iterator has ended without an error.
    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    fn turn(&mut self) {
        // What the last page held was given away and is done with.
        self.permit = None;
        match self.read_page() {
            Ok(page) => self.page = page.into_iter(),
            // One bad line fails a whole page: the entries before it are read one by one.
            Err(StoreError::Corrupt { .. }) if self.max_bytes > 0 => self.max_bytes = 0,
            Err(error) => self.state = State::Failed(error),
        }
    }

    fn read_page(&mut self) -> Result<Vec<T>, StoreError> {
        let Place { store, key, share } = self.place;
        let size = |page: &Result<(Vec<T>, _), _>| page.as_ref().map_or(0, |(page, _)| bytes(page));
        let read = || T::read_page(store, key, self.mark.entries, self.max_bytes);
        let (page, permit) = share.read(read, size);
        let (page, head) = page?;
        self.expect_same_log(head, !page.is_empty())?;
        self.resumed = false;
        self.permit = permit;
        self.mark.entries += page.len();
        self.mark.head = head;
        self.mark.last =
            page.last().map(|entry| Digest::of(entry.text().as_bytes())).or(self.mark.last);
        // The head is of the same moment: it says whether there is more. Of a trace only a page can tell.
        let ends = head.map_or(page.is_empty(), |head| head.entries() <= self.mark.entries);
        if ends {
            self.state = State::Done;
        }
        Ok(page)
    }

    /// An equal head says that nothing has changed. Another one may say no more than that entries were
    /// appended; then the last entry read must still be where it was. So must that of a trace, which has no
    /// head, when more has come to it since it was left.
    fn expect_same_log(&self, head: Option<Head>, has_more: bool) -> Result<(), StoreError> {
        let is_same = match (self.mark.head, head) {
            (Some(before), Some(now)) => before == now,
            (None, None) => !self.resumed || !has_more,
            _ => true,
        };
        let Some(last) = self.mark.last.filter(|_| !is_same) else { return Ok(()) };
        let Place { store, key, .. } = self.place;
        let (there, _) = T::read_page(store, key, self.mark.entries - 1, 0)?;
        if there.first().map(|entry| Digest::of(entry.text().as_bytes())) == Some(last) {
            return Ok(());
        }
        Err(StoreError::Conflict { expected: self.mark.head, actual: head })
    }
}

impl<T: Entry> Iterator for Reader<'_, T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.page.next() {
                return Some(Ok(entry));
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Reading => {
                    self.state = State::Reading;
                    self.turn();
                }
                State::Failed(error) => return Some(Err(error)),
                State::Done => return None,
            }
        }
    }
}

fn bytes<T: Entry>(page: &[T]) -> usize {
    page.iter().map(|entry| entry.text().len()).sum()
}
