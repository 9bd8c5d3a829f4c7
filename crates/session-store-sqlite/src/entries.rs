//! Stored rows to entries: a log's texts, checked, in blocks of memory that they share.

use std::fmt::Display;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use session_store_core::{PageBudget, SegmentId, StoreError};

use crate::error::Failure;
use crate::log::{Log, Part};
use crate::rowid;

/// How many bytes of texts share an allocation. Larger blocks save little and are held as long as any of
/// their entries is.
const BLOCK_BYTES: usize = 256 * 1024;

const MISSING: &str = "the row is missing";

/// How an entry is made of its part of a block.
type Build<E> = fn(&Arc<String>, Range<usize>) -> Result<E, StoreError>;

/// Whose entries are read, for the errors that name it.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) segment_id: SegmentId,
    pub(crate) part: Part,
}

/// The entries from position `start` on that fit in `max_bytes`, at least one if any is there (R6).
pub(crate) fn read<E>(
    connection: &Connection,
    log: &Log,
    origin: Origin,
    build: Build<E>,
    start: usize,
    max_bytes: usize,
) -> Result<Vec<E>, Failure> {
    let Some(start) = u32::try_from(start).ok().filter(|&start| start < log.entries) else {
        return Ok(Vec::new());
    };
    let mut select = connection
        .prepare_cached("SELECT id, text FROM entry WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
    let (first, last) = rowid::from_position(log.number, start).into_inner();
    let mut rows = select.query((first, last))?;
    let mut budget = PageBudget::new(max_bytes);
    let mut blocks = Blocks::new(origin, build, start);
    for position in start..log.entries {
        let stored = stored_at(rows.next()?, rowid::pack(log.number, position))?;
        // What is no entry takes room like the shortest, so that a page that is full ends before it.
        let bytes = stored.map_or(0, <[u8]>::len).max("{}".len());
        if !budget.admits(bytes) {
            break;
        }
        match stored.and_then(|bytes| str::from_utf8(bytes).map_err(|_| "invalid UTF-8")) {
            Ok(text) => blocks.push(text)?,
            Err(found) => return Err(blocks.end_at(found)),
        }
    }
    blocks.finish()
}

/// The bytes of the text that stands at `rowid`, where the row must be, or what is wrong with it.
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
        _ => Err("a value that is no text"),
    })
}

/// Collects texts into a block, and makes entries of them when the block is full.
struct Blocks<E> {
    origin: Origin,
    build: Build<E>,
    start: u32,
    block: String,
    ends: Vec<usize>,
    entries: Vec<E>,
}

impl<E> Blocks<E> {
    fn new(origin: Origin, build: Build<E>, start: u32) -> Self {
        let (block, ends, entries) = Default::default();
        Self { origin, build, start, block, ends, entries }
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

    /// The error for what follows the texts so far, or for an earlier one that is no entry.
    fn end_at(mut self, found: &str) -> Failure {
        let earlier = self.build_entries().err();
        earlier.unwrap_or_else(|| self.corrupt(&found)).into()
    }

    fn finish(mut self) -> Result<Vec<E>, Failure> {
        self.build_entries()?;
        Ok(self.entries)
    }

    /// The error for the entry after those that are built (R4).
    fn corrupt(&self, found: &dyn Display) -> StoreError {
        let Origin { segment_id, part } = self.origin;
        let line = self.start as usize + self.entries.len() + 1;
        let message =
            format!("row {line} of the {part} of segment {segment_id} is no entry: {found}");
        StoreError::Corrupt { line, message }
    }
}
