//! What a handle knows about a log's lines: how many entries there are and where they begin. It is built by
//! one scan and kept in step by appends, so that counting and paging do not read the log again.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::torn::{Tail, is_blank};

/// How much is read at once to count lines.
const BLOCK: usize = 256 * 1024;

/// How much is read at once to find a line that lies near a mark.
const NEAR: usize = 64 * 1024;

/// A mark is kept for about this many bytes, so that no lookup scans more.
const MARK_EVERY: u64 = NEAR as u64;

/// The beginning of a line: its offset, the entries before it, and the physical lines before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) offset: u64,
    pub(crate) entries: usize,
    pub(crate) lines: usize,
}

/// Where the last page ended, since the next one will begin there. Readers set it without the log's lock;
/// whoever cuts the log therefore puts another in its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bookmark(Arc<Mutex<Mark>>);

impl Bookmark {
    pub(crate) fn set(&self, mark: Mark) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mark;
    }

    fn mark(&self) -> Mark {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines of a log up to the length that it had when last looked at.
#[derive(Debug)]
pub(crate) struct LineIndex {
    /// The file's length.
    len: u64,
    /// Where the tail begins, after all terminated lines.
    tail_start: Mark,
    tail: Tail,
    marks: Vec<Mark>,
    bookmark: Bookmark,
}

impl LineIndex {
    pub(crate) fn empty() -> Self {
        Self {
            len: 0,
            tail_start: Mark::default(),
            tail: Tail::Clean,
            marks: vec![Mark::default()],
            bookmark: Bookmark::default(),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    pub(crate) fn tail_start(&self) -> Mark {
        self.tail_start
    }

    /// The entries there are: non-blank lines, checked or not, less a torn one.
    pub(crate) fn entries(&self) -> usize {
        self.tail_start.entries + usize::from(self.tail == Tail::Line)
    }

    /// Where readers stop: before a torn tail.
    pub(crate) fn readable(&self) -> u64 {
        if self.tail == Tail::Torn { self.tail_start.offset } else { self.len }
    }

    pub(crate) fn bookmark(&self) -> &Bookmark {
        &self.bookmark
    }

    /// The last place known at or before the entry.
    pub(crate) fn mark_before(&self, entry: usize) -> Mark {
        let after = self.marks.partition_point(|mark| mark.entries <= entry);
        let known = [self.marks[after.saturating_sub(1)], self.bookmark.mark(), self.tail_start];
        let before = known.into_iter().filter(|mark| mark.entries <= entry);
        before.max_by_key(|mark| mark.offset).unwrap_or_default()
    }

    /// Takes in what was appended since the last look, or everything where the file has shrunk.
    pub(crate) fn catch_up(&mut self, file: &File, len: u64) -> io::Result<()> {
        if len < self.len {
            *self = Self::empty();
        }
        let mut last = self.tail_start;
        let rest = scan_lines(file, self.tail_start.offset..len, BLOCK, |line| {
            last = self.tail_start;
            self.take_line(line.next, !line.blank);
            ControlFlow::Continue(())
        })?;
        self.len = len;
        self.tail = Tail::of(&read_range(file, rest, len)?);
        if self.tail == Tail::Clean && has_nul(file, last.offset, len)? {
            // A last line with NULs is torn even if its newline arrived.
            self.cut(last);
            self.len = len;
            self.tail = Tail::Torn;
        }
        Ok(())
    }

    /// Takes in what was just written at the end: the newline that was owed, and entries of these lengths with
    /// theirs, of which the last may not have arrived.
    pub(crate) fn wrote(&mut self, written: usize, entries: impl Iterator<Item = usize>) {
        if self.tail.owes_newline() {
            self.take_line(self.len + 1, self.tail == Tail::Line);
        }
        self.len += written as u64;
        for entry in entries {
            let next = self.tail_start.offset + entry as u64 + 1;
            if next <= self.len {
                self.take_line(next, true);
            }
        }
        self.tail = if self.tail_start.offset == self.len { Tail::Clean } else { Tail::Line };
    }

    /// The tail may have been healed since it was looked at, and the file be as long as before.
    pub(crate) fn forget_tail(&mut self) {
        self.len = self.tail_start.offset;
        self.tail = Tail::Clean;
    }

    /// The file now ends where the mark is.
    pub(crate) fn cut(&mut self, mark: Mark) {
        self.marks.truncate(self.marks.partition_point(|kept| kept.offset <= mark.offset));
        self.bookmark = Bookmark::default();
        self.tail_start = mark;
        self.tail = Tail::Clean;
        self.len = mark.offset;
    }

    /// Where the entry begins, found from the mark before it.
    pub(crate) fn find(&self, file: &File, entry: usize) -> io::Result<Mark> {
        find(file, self.mark_before(entry), self.readable(), entry)
    }

    fn take_line(&mut self, next: u64, counts: bool) {
        self.tail_start = self.tail_start.after(next, counts);
        let last = self.marks.last().copied().unwrap_or_default();
        if next - last.offset >= MARK_EVERY {
            self.marks.push(self.tail_start);
        }
    }
}

impl Mark {
    fn after(self, next: u64, counts: bool) -> Self {
        Self { offset: next, entries: self.entries + usize::from(counts), lines: self.lines + 1 }
    }
}

/// Where the entry begins, which is at the mark or after it; the end, where there are not so many.
pub(crate) fn find(file: &File, mut mark: Mark, end: u64, entry: usize) -> io::Result<Mark> {
    if mark.entries == entry {
        return Ok(mark);
    }
    scan_lines(file, mark.offset..end, NEAR, |line| {
        if mark.entries == entry {
            return ControlFlow::Break(());
        }
        mark = mark.after(line.next, !line.blank);
        ControlFlow::Continue(())
    })?;
    Ok(mark)
}

/// A terminated line: where the next one begins, and whether it is all white space.
struct Line {
    next: u64,
    blank: bool,
}

/// Calls back for each terminated line between the offsets, and returns where the unterminated rest begins
/// (or where the callback broke off).
fn scan_lines(
    file: &File,
    Range { start, end: to }: Range<u64>,
    block: usize,
    mut on_line: impl FnMut(Line) -> ControlFlow<()>,
) -> io::Result<u64> {
    let mut block = vec![0; block.min(length(start, to))];
    let (mut at, mut rest, mut blank) = (start, start, true);
    while at < to {
        let size = block.len().min(length(at, to));
        let bytes = &mut block[..size];
        file.read_exact_at(bytes, at)?;
        let mut begin = 0;
        for newline in memchr::memchr_iter(b'\n', bytes) {
            blank = blank && is_blank(&bytes[begin..newline]);
            begin = newline + 1;
            rest = at + begin as u64;
            if on_line(Line { next: rest, blank }).is_break() {
                return Ok(rest);
            }
            blank = true;
        }
        blank = blank && is_blank(&bytes[begin..]);
        at += size as u64;
    }
    Ok(rest)
}

pub(crate) fn read_range(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length(from, to)];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

fn has_nul(file: &File, from: u64, to: u64) -> io::Result<bool> {
    Ok(memchr::memchr(0, &read_range(file, from, to)?).is_some())
}

fn length(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}
