//! The index of a file's lines: the number of entries, and the starts of some lines. One scan
//! builds the index, and each append extends it. Counting and paging then do not read the whole
//! file again. The scan can start at a checkpoint, a line whose number is already known.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::file::{BLOCK, append_range, lines, read_lines};
use crate::mutex::lock;
use crate::tail::{Tail, is_blank};

/// The number of bytes that are read at once to find a line after a known start.
const NEAR: usize = 64 * 1024;

/// The distance in bytes between two line starts that the index keeps. A lookup scans at most this
/// number of bytes.
const START_EVERY: u64 = NEAR as u64;

/// The start of a line, with the number of entries and lines before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineStart {
    pub(crate) offset: u64,
    pub(crate) entries: usize,
    /// The number of physical lines, which includes blank lines.
    pub(crate) lines: usize,
}

/// The end of the last page, which is likely to be the start of the next page.
///
/// A reader sets its bookmark after it has released the segment's lock. A truncate therefore gives
/// the index a new `Bookmark` instead of resetting the old one. A reader that started before the
/// truncate then sets the old bookmark, which has no effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bookmark(Arc<Mutex<LineStart>>);

impl Bookmark {
    pub(crate) fn set(&self, start: LineStart) {
        *lock(&self.0) = start;
    }

    pub(crate) fn start(&self) -> LineStart {
        *lock(&self.0)
    }
}

/// The end of the lines that this handle has checked. Each of these lines is one JSON object or
/// blank. A later `read_all` of the handle does not check these lines again.
///
/// A reader advances the end after it has released the segment's lock. A truncate therefore gives
/// the index a new `Checked`, for the same reason as a new [`Bookmark`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Checked(Arc<AtomicU64>);

impl Checked {
    fn up_to(end: u64) -> Self {
        Self(Arc::new(end.into()))
    }

    pub(crate) fn end(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Advances the end of the checked lines to `end`. The caller has checked the lines in between.
    pub(crate) fn advance(&self, end: u64) {
        self.0.fetch_max(end, Ordering::Relaxed);
    }
}

/// The lines of a file, up to the length of the file at the last scan.
#[derive(Debug)]
pub(crate) struct LineIndex {
    /// The length of the file.
    len: u64,
    /// The length of the part that readers see. The bytes after it are torn: a crash left a part of
    /// an entry.
    readable: u64,
    /// The start of the tail, after all terminated lines.
    tail_start: LineStart,
    tail: Tail,
    /// The start of the scan. The index has no starts of the lines before it.
    scan_start: LineStart,
    starts: Vec<LineStart>,
    bookmark: Bookmark,
    checked: Checked,
}

impl LineIndex {
    pub(crate) fn empty() -> Self {
        Self::starting_at(LineStart::default())
    }

    /// Returns an index whose scan begins at this start.
    pub(crate) fn starting_at(start: LineStart) -> Self {
        let mut starts = vec![LineStart::default(), start];
        starts.dedup();
        Self {
            len: start.offset,
            readable: start.offset,
            tail_start: start,
            tail: Tail::Clean,
            scan_start: start,
            starts,
            bookmark: Bookmark::default(),
            checked: Checked::default(),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    /// Returns the number of entries: all lines that are neither blank nor torn. The lines are not
    /// validated.
    pub(crate) fn entries(&self) -> usize {
        self.tail_start.entries + usize::from(self.tail == Tail::Line)
    }

    /// Returns the length of the part that readers see, without torn bytes.
    pub(crate) fn readable(&self) -> u64 {
        self.readable
    }

    /// Returns the torn bytes at the end of the file.
    pub(crate) fn torn(&self) -> Range<u64> {
        self.readable..self.len
    }

    pub(crate) fn bookmark(&self) -> &Bookmark {
        &self.bookmark
    }

    pub(crate) fn checked(&self) -> &Checked {
        &self.checked
    }

    /// Returns the start of the line after all terminated lines.
    pub(crate) fn tail_start(&self) -> LineStart {
        self.tail_start
    }

    /// Returns whether the scan started after the start of the file.
    pub(crate) fn is_partial(&self) -> bool {
        self.scan_start.offset > 0
    }

    /// Returns whether the entry is in the part that was not scanned, and its start is not known.
    pub(crate) fn is_skipped(&self, entry: usize) -> bool {
        let start = self.start_before(entry);
        start.offset < self.scan_start.offset && start.entries != entry
    }

    /// Returns the last known line start at or before the entry.
    pub(crate) fn start_before(&self, entry: usize) -> LineStart {
        let after = self.starts.partition_point(|start| start.entries <= entry);
        let known = [self.starts[after.saturating_sub(1)], self.bookmark.start(), self.tail_start];
        let before = known.into_iter().filter(|start| start.entries <= entry);
        before.max_by_key(|start| start.offset).unwrap_or_default()
    }

    /// Scans the bytes that were appended since the last scan, or the whole file if the file has
    /// become shorter. `cut` is the end of the log after its last truncation. If the byte at `cut`
    /// is NUL, a power cut interrupted the truncation, and the log ends at `cut`.
    ///
    /// Each block of whole lines that was read is passed to `keep`. The next block uses the memory
    /// that `keep` returns.
    pub(crate) fn catch_up(
        &mut self,
        file: &File,
        len: u64,
        cut: u64,
        mut keep: impl FnMut(Vec<u8>) -> Vec<u8>,
    ) -> io::Result<()> {
        if len < self.len {
            *self = Self::empty();
        }
        let is_interrupted = (self.tail_start.offset..len).contains(&cut)
            && read_range(file, cut, cut + 1)? == b"\0";
        let end = if is_interrupted { cut } else { len };
        let mut last = self.tail_start;
        let (mut at, mut block) = (last.offset, Vec::new());
        while at < end {
            block = read_lines(file, at..end, BLOCK, block)?;
            for line in terminated_lines(&block) {
                last = self.tail_start;
                self.add_line(at + line.end as u64 + 1, !is_blank(&block[line]));
            }
            at += block.len() as u64;
            block = keep(block);
        }
        let rest = self.tail_start.offset;
        self.set_tail(&read_range(file, rest, end)?);
        if rest == len && has_nul(file, last.offset, len)? {
            // After a crash, a file can have NULs in the place of lost data. A last line with NULs
            // is therefore torn, even if its newline was saved.
            self.cut(last);
            self.set_tail(&read_range(file, last.offset, len)?);
        }
        self.len = len;
        Ok(())
    }

    fn set_tail(&mut self, bytes: &[u8]) {
        let (tail, readable) = Tail::split(bytes);
        self.tail = tail;
        self.readable = self.tail_start.offset + readable as u64;
    }

    /// Records a write at the end of the file: `written` bytes with entries of these lengths. If
    /// the last line lacked its newline, the write began with this newline. The newline of the last
    /// entry may be missing.
    ///
    /// Entries are checked when they are built. So if all lines before the write are checked, the
    /// new lines count as checked too.
    pub(crate) fn record_write(&mut self, written: usize, entries: impl Iterator<Item = usize>) {
        let is_checked = self.checked.end() == self.len;
        if self.tail.owes_newline() {
            self.add_line(self.len + 1, self.tail == Tail::Line);
        }
        self.len += written as u64;
        for entry in entries {
            let next = self.tail_start.offset + entry as u64 + 1;
            if next <= self.len {
                self.add_line(next, true);
            }
        }
        self.tail = if self.tail_start.offset == self.len { Tail::Clean } else { Tail::Line };
        self.readable = self.len;
        if is_checked {
            self.checked.advance(self.tail_start.offset);
        }
    }

    /// Records that the file was set to its readable length.
    pub(crate) fn drop_torn(&mut self) {
        self.len = self.readable;
    }

    /// Removes the tail from the index, so that the next scan reads the tail again. Another handle
    /// may have replaced a torn tail by an entry of the same length.
    pub(crate) fn forget_tail(&mut self) {
        self.len = self.tail_start.offset;
        self.readable = self.len;
        self.tail = Tail::Clean;
    }

    /// Records that the file now ends at this line start.
    pub(crate) fn cut(&mut self, start: LineStart) {
        self.starts.truncate(self.starts.partition_point(|kept| kept.offset <= start.offset));
        self.bookmark = Bookmark::default();
        self.checked = Checked::up_to(self.checked.end().min(start.offset));
        self.tail_start = start;
        self.tail = Tail::Clean;
        self.len = start.offset;
        self.readable = start.offset;
    }

    /// Returns where the entry starts.
    pub(crate) fn find(&self, file: &File, entry: usize) -> io::Result<LineStart> {
        find(file, self.start_before(entry), self.readable(), entry)
    }

    fn add_line(&mut self, next: u64, counts: bool) {
        self.tail_start = self.tail_start.after(next, counts);
        let last = self.starts.last().copied().unwrap_or_default();
        if next - last.offset >= START_EVERY {
            self.starts.push(self.tail_start);
        }
    }
}

impl LineStart {
    fn after(self, next: u64, counts: bool) -> Self {
        Self { offset: next, entries: self.entries + usize::from(counts), lines: self.lines + 1 }
    }
}

/// Returns the start of the entry, or the end of the last terminated line if there are fewer
/// entries. `start` is at or before the entry.
pub(crate) fn find(
    file: &File,
    mut start: LineStart,
    end: u64,
    entry: usize,
) -> io::Result<LineStart> {
    if start.entries == entry {
        return Ok(start);
    }
    let (mut at, mut block) = (start.offset, Vec::new());
    while at < end {
        block = read_lines(file, at..end, NEAR, block)?;
        for line in terminated_lines(&block) {
            if start.entries == entry {
                return Ok(start);
            }
            start = start.after(at + line.end as u64 + 1, !is_blank(&block[line]));
        }
        at += block.len() as u64;
    }
    Ok(start)
}

pub(crate) fn read_range(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    append_range(file, from..to, &mut bytes)?;
    Ok(bytes)
}

fn has_nul(file: &File, from: u64, to: u64) -> io::Result<bool> {
    Ok(memchr::memchr(0, &read_range(file, from, to)?).is_some())
}

/// Returns the range of each line that has a newline, without this newline.
fn terminated_lines(block: &[u8]) -> impl Iterator<Item = Range<usize>> {
    lines(block).take_while(|line| line.end < block.len())
}
