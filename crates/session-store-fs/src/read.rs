//! Reading entries: a part of a file, cut into blocks of whole lines, each block shared by its entries.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use session_store_core::{LogEntry, PageBudget, StoreError, TraceEntry};

use crate::failure::{Attempt, corrupt};
use crate::index::{Bookmark, Mark, find};
use crate::torn::trimmed_len;

/// About how much is read at once, and shared by the entries in it.
const BLOCK: usize = 256 * 1024;

/// What is read beyond the entries wanted, for what is around them: newlines, and the next line's beginning.
const MARGIN: usize = 4 * 1024;

/// What the lines of a file are: entries of a log or of a trace.
pub(crate) trait Entry: Sized {
    fn from_block(block: &Arc<String>, start: usize, end: usize) -> Result<Self, StoreError>;
    fn from_utf8(bytes: Vec<u8>) -> Result<Self, StoreError>;
}

macro_rules! entry {
    ($name:ty) => {
        impl Entry for $name {
            fn from_block(
                block: &Arc<String>,
                start: usize,
                end: usize,
            ) -> Result<Self, StoreError> {
                <$name>::from_block(block, start..end)
            }
            fn from_utf8(bytes: Vec<u8>) -> Result<Self, StoreError> {
                <$name>::from_utf8(bytes)
            }
        }
    };
}

entry!(LogEntry);
entry!(TraceEntry);

/// A part of a file that can be read without a lock: what is before `end` changes only with the stripe's
/// generation.
pub(crate) struct Part {
    pub(crate) path: Arc<Path>,
    pub(crate) file: Arc<File>,
    /// A place at or before the first entry wanted.
    pub(crate) start: Mark,
    pub(crate) end: u64,
    /// Gets the place where the page ends.
    pub(crate) bookmark: Bookmark,
}

impl Part {
    /// The entries from number `first` on, as many as fit in `max_bytes`.
    pub(crate) fn entries<T: Entry>(
        &self,
        first: usize,
        max_bytes: usize,
    ) -> Result<Vec<T>, StoreError> {
        let start = find(&self.file, self.start, self.end, first).trying("read", &self.path)?;
        let mut budget = PageBudget::new(max_bytes);
        let mut found = Vec::new();
        // A whole last line without its newline may still be before it.
        let mut skip = first.saturating_sub(start.entries);
        let (mut at, mut line) = (start.offset, start.lines);
        while at < self.end {
            let block = Block::new(self.block(at, budget.left())?);
            for (start, end) in lines(block.bytes()) {
                line += 1;
                let bytes = trimmed_len(&block.bytes()[start..end]);
                if bytes == 0 {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                if !budget.admits(bytes) {
                    let (offset, entries) = (at + start as u64, first + found.len());
                    self.bookmark.set(Mark { offset, entries, lines: line - 1 });
                    return Ok(found);
                }
                let entry = block.entry(start, end);
                found.push(entry.map_err(|error| corrupt(&self.path, line, &error))?);
            }
            at += block.bytes().len() as u64;
        }
        Ok(found)
    }

    /// Whole lines from the offset on, at least one; the last line of the part may have no newline. A block
    /// lives as long as any of its entries, so it is hardly larger than what is `wanted`.
    fn block(&self, at: u64, wanted: usize) -> Result<Vec<u8>, StoreError> {
        let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let first = wanted.saturating_add(MARGIN).min(BLOCK);
        let mut block = Vec::new();
        loop {
            let begin = block.len();
            block.resize(left.min(begin + first.max(begin)), 0);
            self.file
                .read_exact_at(&mut block[begin..], at + begin as u64)
                .trying("read", &self.path)?;
            if block.len() == left {
                return Ok(block);
            }
            if let Some(newline) = memchr::memrchr(b'\n', &block[begin..]) {
                block.truncate(begin + newline + 1);
                block.shrink_to_fit();
                return Ok(block);
            }
        }
    }
}

/// The beginning and end of each line, without its newline.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let unterminated = (!bytes.ends_with(b"\n")).then_some(bytes.len());
    let mut start = 0;
    memchr::memchr_iter(b'\n', bytes).chain(unterminated).map(move |end| {
        let line = (start, end);
        start = end + 1;
        line
    })
}

/// Lines in memory. One bad character spoils the sharing, not the other lines.
enum Block {
    Text(Arc<String>),
    Bytes(Vec<u8>),
}

impl Block {
    fn new(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(Arc::new(text)),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn entry<T: Entry>(&self, start: usize, end: usize) -> Result<T, StoreError> {
        match self {
            Self::Text(text) => T::from_block(text, start, end),
            Self::Bytes(bytes) => T::from_utf8(bytes[start..end].to_vec()),
        }
    }
}
