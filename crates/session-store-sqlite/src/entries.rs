//! Reads pages of entries: checks the stored texts of a log, and collects them in shared blocks of
//! memory.

use std::fmt::Display;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::ValueRef;
use session_store_core::{LogEntry, PageBudget, StoreError};

use crate::error::Result;
use crate::log_row::LogRow;
use crate::rowid;

/// The size of a block. The entries of a block share one allocation, which is freed when the last
/// of these entries is dropped. Larger blocks would save little time.
const BLOCK_BYTES: usize = 256 * 1024;

const MISSING: &str = "the row is missing";

/// A function that makes an entry from a part of a block.
type Build<'a, E> = &'a dyn Fn(&Arc<String>, Range<usize>) -> Result<E, StoreError>;

/// Returns a function that makes an entry from a matching text. From any other text, the function
/// makes `None` and does not check the text.
pub(crate) fn build_matching(
    matches: &dyn Fn(&str) -> bool,
) -> impl Fn(&Arc<String>, Range<usize>) -> Result<Option<LogEntry>, StoreError> {
    move |block, range| {
        let is_built = matches(&block[range.clone()]);
        is_built.then(|| LogEntry::from_block(block, range)).transpose()
    }
}

/// Reads the entries from position `start` on that fit in `max_bytes`. Reads at least one entry,
/// unless `start` is past the end.
pub(crate) fn read_page<E>(
    log: &LogRow<'_>,
    build: Build<'_, E>,
    start: usize,
    max_bytes: usize,
) -> Result<Vec<E>> {
    let Some(start) = u32::try_from(start).ok().filter(|&start| start < log.entries) else {
        return Ok(Vec::new());
    };
    let select = "SELECT id, text FROM entry WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    let mut select = log.segment.connection.prepare_cached(select)?;
    let (first, last) = rowid::from_position(log.number, start).into_inner();
    let mut rows = select.query((first, last))?;
    let mut budget = PageBudget::new(max_bytes);
    let mut blocks = Blocks::new(log, build, start);
    for position in start..log.entries {
        let stored = stored_at(rows.next()?, rowid::pack(log.number, position))?;
        // A bad row counts at least as much as the shortest entry. Otherwise a shorter row would
        // fit into a page that no entry fits into, and the page would fail.
        let bytes = stored.map_or(0, <[u8]>::len).max("{}".len());
        if !budget.admits(bytes) {
            break;
        }
        match stored.and_then(|bytes| str::from_utf8(bytes).map_err(|_| "invalid UTF-8")) {
            Ok(text) => blocks.push(text)?,
            Err(found) => return Err(blocks.fail_with(found).into()),
        }
    }
    Ok(blocks.finish()?)
}

/// Returns the bytes of the text at `rowid`, or the reason why the row is not an entry.
fn stored_at<'a>(
    row: Option<&'a Row<'_>>,
    rowid: i64,
) -> rusqlite::Result<Result<&'a [u8], &'static str>> {
    let Some(row) = row else { return Ok(Err(MISSING)) };
    if row.get::<_, i64>(0)? != rowid {
        return Ok(Err(MISSING));
    }
    Ok(match row.get_ref(1)? {
        ValueRef::Text(bytes) => Ok(bytes),
        _ => Err("a value that is not a text"),
    })
}

/// A builder that collects texts in a block. When the block is full, the builder makes entries from
/// the texts.
struct Blocks<'a, E> {
    log: &'a LogRow<'a>,
    build: Build<'a, E>,
    start: u32,
    block: String,
    ends: Vec<usize>,
    entries: Vec<E>,
}

impl<'a, E> Blocks<'a, E> {
    fn new(log: &'a LogRow<'a>, build: Build<'a, E>, start: u32) -> Self {
        let (block, ends, entries) = Default::default();
        Self { log, build, start, block, ends, entries }
    }

    fn push(&mut self, text: &str) -> Result<(), StoreError> {
        if self.block.len() + text.len() > BLOCK_BYTES {
            self.build_entries()?;
        }
        self.block.push_str(text);
        self.ends.push(self.block.len());
        Ok(())
    }

    fn build_entries(&mut self) -> Result<(), StoreError> {
        let mut block = mem::take(&mut self.block);
        block.shrink_to_fit();
        let block = Arc::new(block);
        let mut start = 0;
        for end in mem::take(&mut self.ends) {
            let entry = (self.build)(&block, start..end).map_err(|error| self.corrupt(&error))?;
            self.entries.push(entry);
            start = end;
        }
        Ok(())
    }

    /// Returns the error for the row after the collected texts, or for an earlier bad text.
    fn fail_with(mut self, found: &str) -> StoreError {
        let earlier = self.build_entries().err();
        earlier.unwrap_or_else(|| self.corrupt(&found))
    }

    fn finish(mut self) -> Result<Vec<E>, StoreError> {
        self.build_entries()?;
        Ok(self.entries)
    }

    /// Returns the error for the row after the last entry that was built.
    fn corrupt(&self, found: &dyn Display) -> StoreError {
        let LogRow { segment, kind, .. } = self.log;
        let line = self.start as usize + self.entries.len() + 1;
        let message =
            format!("row {line} of the {kind} of {} is not an entry: {found}", segment.key);
        StoreError::Corrupt { line, message }
    }
}
