//! Reads entries from a range of a file. The file is read in blocks of whole lines, and all entries
//! of a block share the memory of the block.

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::string::FromUtf8Error;
use std::sync::Arc;

use session_store_core::{Head, LogEntry, PageBudget, StoreError};

use crate::error::{Context, corrupt_line};
use crate::file::{lines, read_lines};
use crate::index::{Bookmark, Checked, LineStart, find};
use crate::log::Log;
use crate::tail::trimmed_len;

/// The number of bytes read beyond the size of the requested entries, for newlines and the start of
/// the next line.
const MARGIN: usize = 4 * 1024;

/// The number of bytes at the start of a long log that are read for the first page. A shorter log
/// is read as a whole.
pub(crate) const FIRST_BYTES: u64 = 1024 * 1024;

/// A function that makes an entry from a line in a block, for example [`LogEntry::from_block`].
pub(crate) type Parse<'a, T> = &'a dyn Fn(&Arc<String>, Range<usize>) -> Result<T, StoreError>;

/// Returns a function that makes an entry from a line that matches. For any other line, the
/// function returns `None` and does not check the line.
///
/// A line that begins with NUL is always checked, so that the read fails there. If a power cut
/// interrupts a truncation, such a line remains at the new end of the log.
pub(crate) fn parse_matching(
    matches: &dyn Fn(&str) -> bool,
) -> impl Fn(&Arc<String>, Range<usize>) -> Result<Option<LogEntry>, StoreError> {
    move |block, range| {
        let line = &block[range.clone()];
        let is_parsed = line.starts_with('\0') || matches(line);
        is_parsed.then(|| LogEntry::from_block(block, range)).transpose()
    }
}

/// A part of a file that can be read without a lock. The bytes before `end` do not change as long
/// as the generation, a counter of the segment's lock, is the same.
pub(crate) struct Part {
    path: Arc<Path>,
    file: Arc<File>,
    /// The first requested entry.
    first: usize,
    /// A place at or before the first requested entry.
    start: LineStart,
    end: u64,
    /// The end of the last line with a newline.
    terminated: u64,
    bookmark: Bookmark,
    checked: Checked,
    /// The first blocks of the part, if they were read already.
    loaded: Cell<Vec<Vec<u8>>>,
    /// Whether the part is only the start of a log that was not scanned yet.
    pub(crate) is_start: bool,
    /// The head of the log, unless the part is only its start.
    pub(crate) head: Head,
}

impl Part {
    /// Returns the part of the file from an entry on.
    pub(crate) fn new(log: &Log, first: usize) -> Self {
        Self {
            path: Arc::clone(&log.path),
            file: Arc::clone(&log.file),
            first,
            start: log.state.index.start_before(first),
            end: log.state.index.readable(),
            terminated: log.state.index.tail_start().offset,
            bookmark: log.state.index.bookmark().clone(),
            checked: log.state.index.checked().clone(),
            loaded: Cell::default(),
            is_start: false,
            head: log.state.head(),
        }
    }

    /// Returns the start of a long file that was not read yet.
    pub(crate) fn first_of(log: &Log) -> Self {
        Self { end: FIRST_BYTES, is_start: true, ..Self::new(log, 0) }
    }

    /// Reads a file that was not read yet, and returns its entries as a part.
    ///
    /// The same bytes are then scanned for the index and parsed. Without that, a first read of a
    /// log would read each byte twice. `read_all` takes two thirds of the time.
    pub(crate) fn load(log: &mut Log) -> Result<Self, StoreError> {
        let loaded = log.load()?.into();
        Ok(Self { loaded, ..Self::new(log, 0) })
    }

    /// Reads as many entries as fit in `max_bytes`, if another line follows these entries in the
    /// part.
    ///
    /// Returns `None` if no line follows, or if a line is bad. The returned entries are not torn
    /// (incomplete), because only the last line of a log can be torn. An interrupted cut leaves a
    /// line that begins with NUL at the new end of the log. This line is bad, so no entry after it
    /// is returned.
    pub(crate) fn inner_entries<T>(&self, max_bytes: usize, parse: Parse<'_, T>) -> Option<Vec<T>> {
        let found = self.entries(max_bytes, parse).ok()?;
        (self.bookmark.start().offset > 0).then_some(found)
    }

    /// Reads all entries of the part, which begins at the first entry. The lines that an earlier
    /// call has checked are not checked again.
    pub(crate) fn all_entries(&self) -> Result<Vec<LogEntry>, StoreError> {
        let checked = self.checked.end();
        let found = self.entries_with(usize::MAX, |block, range, end| {
            if end < checked {
                LogEntry::from_checked_block(block, range)
            } else {
                LogEntry::from_block(block, range)
            }
        })?;
        // A last line without a newline does not count as checked, because the index forgets this
        // line when the file is opened again. The index then does not notice that the file became
        // shorter.
        self.checked.advance(self.terminated);
        Ok(found)
    }

    /// Reads as many entries as fit in `max_bytes`. Checks each line, because another program may
    /// have changed a line in place since it was checked.
    pub(crate) fn entries<T>(
        &self,
        max_bytes: usize,
        parse: Parse<'_, T>,
    ) -> Result<Vec<T>, StoreError> {
        self.entries_with(max_bytes, |block, range, _| parse(block, range))
    }

    /// Reads as many entries as fit in `max_bytes`. The last argument of `parse` is the offset in
    /// the file at which the line ends.
    fn entries_with<T>(
        &self,
        max_bytes: usize,
        parse: impl Fn(&Arc<String>, Range<usize>, u64) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let start =
            find(&self.file, self.start, self.end, self.first).context("read", &self.path)?;
        let mut budget = PageBudget::new(max_bytes);
        let mut found = Vec::new();
        // `find` does not count a last line without a newline, which is an entry if it is whole. So
        // this entry may still have to be skipped here.
        let mut skip = self.first.saturating_sub(start.entries);
        let (mut at, mut line, mut memory) = (start.offset, start.lines, Vec::new());
        let mut loaded = self.loaded.take().into_iter();
        while at < self.end {
            let block = match loaded.next() {
                Some(mut block) => {
                    block.truncate(usize::try_from(self.end - at).unwrap_or(usize::MAX));
                    block
                }
                None => {
                    let wanted = budget.left().saturating_add(MARGIN);
                    let block = read_lines(&self.file, at..self.end, wanted, memory);
                    block.context("read", &self.path)?
                }
            };
            let block = String::from_utf8(block).map(Arc::new);
            let bytes = block.as_ref().map_or_else(FromUtf8Error::as_bytes, |text| text.as_bytes());
            for range in lines(bytes) {
                line += 1;
                let length = trimmed_len(&bytes[range.clone()]);
                if length == 0 {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                if !budget.admits(length) {
                    let (offset, entries) = (at + range.start as u64, self.first + found.len());
                    self.bookmark.set(LineStart { offset, entries, lines: line - 1 });
                    return Ok(found);
                }
                let start = range.start;
                let parse = |block: &_, line| parse(block, line, at + range.end as u64);
                let entry = match &block {
                    Ok(text) => parse(text, range.clone()),
                    Err(_) => parse_alone(&bytes[range.clone()], &parse),
                };
                found.push(entry.map_err(|error| {
                    let before = self.first + found.len();
                    let later = self.head.entries().saturating_sub(before + 1);
                    corrupt_line(&self.path, line, bytes[start], before, later, &error)
                })?);
            }
            at += bytes.len() as u64;
            // A search keeps few entries. If no entry of a block is kept, the next block uses the
            // same memory. New memory would take longer, because the kernel clears each new page.
            let unshared = block.ok().and_then(|block| Arc::try_unwrap(block).ok());
            memory = unshared.map(String::into_bytes).unwrap_or_default();
        }
        Ok(found)
    }
}

/// Makes an entry from a line of a block with invalid UTF-8. The line itself may be valid, but it
/// cannot share the memory of the block.
fn parse_alone<T>(line: &[u8], parse: Parse<'_, T>) -> Result<T, StoreError> {
    let text = LogEntry::from_utf8(line.to_vec())?.as_json().to_owned();
    let all = 0..text.len();
    parse(&Arc::new(text), all)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use session_store_core::{SegmentId, SegmentKey, SessionId, StoreExt};

    use super::*;
    use crate::FsStore;
    use crate::layout::Kind;

    #[test]
    fn a_read_that_overlaps_a_truncation_does_not_mark_the_lines_as_checked() {
        let folder = tempfile::tempdir().unwrap();
        let key = SegmentKey::new(SessionId::new(), SegmentId::new());
        let [store, other] = [(); 2].map(|()| FsStore::open_or_create(folder.path()).unwrap());
        let entries = [(); 3].map(|()| LogEntry::from_json("{}").unwrap());
        store.at(key).append_all(&entries).unwrap();
        let part = Part::new(store.lock_read(key).unwrap().open(Kind::Log).unwrap().unwrap(), 0);
        store.at(key).truncate(0).unwrap();
        other.at(key).append_all(&entries).unwrap();
        assert_eq!(part.all_entries().unwrap(), entries);

        fs::write(store.directory.layout.file(key, Kind::Log), "{}\n{}}\n{}").unwrap();
        let read = store.at(key).read_all();
        assert!(matches!(read, Err(StoreError::Corrupt { line: 2, .. })), "{read:?}");
    }
}
