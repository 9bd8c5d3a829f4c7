//! Reading a log or a trace page by page, past lines that are no entries: for commands that name what is bad and
//! go on behind it.

use std::vec;

use session_store::{Head, LogEntry, Store, StoreError, TraceEntry};

use crate::target::Target;

/// How many bytes of entries are in memory at a time.
const PAGE_BYTES: usize = 256 * 1024;

/// An entry of a log or of a trace.
pub(crate) trait Entry: Sized {
    /// What messages call the whole, before the segment's id.
    const WHOLE: &'static str;

    fn as_json(&self) -> &str;

    /// The entries from `start` on that fit, and the head of the same moment; a trace has none.
    fn page(
        target: &Target,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError>;

    /// The head as it is now; a trace has none.
    fn head(target: &Target) -> Result<Option<Head>, StoreError>;

    /// How many there are, bad lines included.
    fn count(target: &Target) -> Result<usize, StoreError>;
}

impl Entry for LogEntry {
    const WHOLE: &'static str = "segment";

    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn page(
        Target { store, session_id, segment_id }: &Target,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_page(*session_id, *segment_id, start, max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }

    fn head(Target { store, session_id, segment_id }: &Target) -> Result<Option<Head>, StoreError> {
        let head = store.head(*session_id, *segment_id)?;
        head.map_or(Err(StoreError::NotFound(*segment_id)), |head| Ok(Some(head)))
    }

    fn count(Target { store, session_id, segment_id }: &Target) -> Result<usize, StoreError> {
        store.read_entry_count(*session_id, *segment_id)
    }
}

impl Entry for TraceEntry {
    const WHOLE: &'static str = "the trace of segment";

    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn page(
        Target { store, session_id, segment_id }: &Target,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_trace_page(*session_id, *segment_id, start, max_bytes)?;
        Ok((page.entries, None))
    }

    fn head(_: &Target) -> Result<Option<Head>, StoreError> {
        Ok(None)
    }

    fn count(target: &Target) -> Result<usize, StoreError> {
        Reader::<Self>::new(target, 0).try_fold(0, |count, line| line.map(|_| count + 1))
    }
}

/// A line of a log or of a trace.
pub(crate) enum Line<T> {
    Entry(T),
    /// What is wrong with it.
    Bad(StoreError),
}

/// Iterator over the lines from a position on, to the end as it finds it then. An error is the last it gives.
pub(crate) struct Reader<'a, T> {
    target: &'a Target,
    page: vec::IntoIter<T>,
    position: usize,
    max_bytes: usize,
    /// The last bad line, as the storage numbers it.
    bad: usize,
    done: bool,
}

impl<'a, T: Entry> Reader<'a, T> {
    pub(crate) fn new(target: &'a Target, start: usize) -> Self {
        let page = Vec::new().into_iter();
        Self { target, page, position: start, max_bytes: PAGE_BYTES, bad: 0, done: false }
    }

    /// The number of the line that was given last, from 1; that of the last one before, if none was.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    fn turn(&mut self) -> Result<Option<Line<T>>, StoreError> {
        match T::page(self.target, self.position, self.max_bytes) {
            Ok((page, head)) => {
                let end = self.position + page.len();
                self.done = head.map_or(page.is_empty(), |head| head.entries() <= end);
                self.page = page.into_iter();
                Ok(None)
            }
            // One bad line fails a whole page: the entries before it are read one by one.
            Err(StoreError::Corrupt { .. }) if self.max_bytes > 0 => {
                self.max_bytes = 0;
                Ok(None)
            }
            // A store that names the same line for ever can't be read behind it.
            Err(error @ StoreError::Corrupt { line, .. }) if line > self.bad => {
                self.bad = line;
                self.position += 1;
                self.max_bytes = PAGE_BYTES;
                Ok(Some(Line::Bad(error)))
            }
            Err(error) => Err(error),
        }
    }
}

impl<T: Entry> Iterator for Reader<'_, T> {
    type Item = Result<Line<T>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.page.next() {
                self.position += 1;
                return Some(Ok(Line::Entry(entry)));
            }
            if self.done {
                return None;
            }
            match self.turn() {
                Ok(None) => {}
                Ok(Some(line)) => return Some(Ok(line)),
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
