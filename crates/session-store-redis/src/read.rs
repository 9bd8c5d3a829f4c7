//! Reading logs and traces: in parts that keep the server for a short time only, put together to what was
//! there at one moment.

use std::fmt::Display;
use std::time::Instant;

use session_store_core::{Head, LogEntry, Page, PageBudget, SegmentId, StoreError, TraceEntry};

use crate::answer::{Part, head_or_none, optional, texts};
use crate::client::{Call, Client};
use crate::keys::{Key, Tag};
use crate::script::{READ, READ_HEAD, READ_TRACE};

/// How many bytes of entries one call takes from the server, about.
const PART_BYTES: usize = 1024 * 1024;

/// How many of them the first call takes where a log is wanted whole. What a script returns goes through Lua,
/// and takes six times as long as from the command for lists (measured: 1.9 and 0.3 ms a MiB).
const FIRST_BYTES: usize = 64 * 1024;

/// How many entries the command for lists takes at most: it does not look at their sizes, and small ones may
/// be followed by large ones, which the server would hold twice (measured: no slower than 4096 at once).
const RANGE_ENTRIES: usize = 512;

/// The most entries that a list of the server can have, and a number that Lua holds exactly.
const MOST_ENTRIES: usize = u32::MAX as usize;

/// The entries of a log from `start` on that fit in `max_bytes`, at least one if any is there, and the head
/// of the same moment (R6).
pub(crate) fn page(
    client: &Client,
    key: Key,
    start: usize,
    max_bytes: usize,
) -> Result<Page, StoreError> {
    let attempt = format!("read segment {}", key.1);
    let deadline = client.deadline();
    loop {
        if let Some(page) = unbroken_page(client, &attempt, key, start, max_bytes)? {
            return Ok(page);
        }
        if Instant::now() >= deadline {
            return Err(client.unlucky(attempt, "it was cut or replaced again and again meanwhile"));
        }
    }
}

/// `None` if entries were cut or replaced between two parts.
fn unbroken_page(
    client: &Client,
    attempt: &str,
    key: Key,
    start: usize,
    max_bytes: usize,
) -> Result<Option<Page>, StoreError> {
    let missing = || StoreError::NotFound(key.1);
    let mut building = Building::new(key.1, "log", LogEntry::from_utf8, start, max_bytes);
    let first_bytes = if max_bytes > PART_BYTES { FIRST_BYTES } else { max_bytes };
    let first = part(client, attempt, key, start, first_bytes)?.ok_or_else(missing)?;
    // What is appended from now on is not of this moment.
    building.end = first.head.entries();
    building.take(first.texts)?;
    while building.wants_more() {
        if building.room() > PART_BYTES
            && let Some(texts) = range(client, key, &first.epoch, &building)
        {
            building.take(texts)?;
            continue;
        }
        match part(client, attempt, key, building.position(), building.room())? {
            Some(next) if next.epoch == first.epoch => building.take(next.texts)?,
            _ => return Ok(None),
        }
    }
    Ok(Some(Page::new(building.entries, first.head)))
}

/// The next entries of a log, about as many as one call takes, if it still has this epoch and the server
/// answers at the first attempt.
///
/// The two commands are not one step. But the epoch is read last, and an old one never comes back: if it is
/// the same, nothing was cut or replaced before, and what was appended lies behind.
fn range(
    client: &Client,
    key: Key,
    epoch: &[u8],
    building: &Building<LogEntry>,
) -> Option<Vec<Vec<u8>>> {
    let (from, to) = (building.position(), building.end);
    let to = to.min(from + building.entries_in(PART_BYTES).min(RANGE_ENTRIES));
    let (mut entries, mut ask) = (redis::cmd("LRANGE"), redis::cmd("HGET"));
    entries.arg(client.keys.entries(key)).arg(from).arg(to - 1);
    ask.arg(client.keys.log(key)).arg("epoch");
    let tag = Tag::of_session(key.0);
    let values = client.together(&[(tag, entries), (tag, ask)])?;
    let [entries, last] = <[_; 2]>::try_from(values).ok()?;
    let texts = texts(entries)?;
    let is_whole = texts.len() == to - from && optional(last)?.as_deref() == Some(epoch);
    is_whole.then_some(texts)
}

fn part(
    client: &Client,
    attempt: &str,
    key: Key,
    start: usize,
    max_bytes: usize,
) -> Result<Option<Part>, StoreError> {
    let (start, max_bytes) = bounds(start, max_bytes);
    let value = client.read(
        attempt,
        &Call {
            tag: Tag::of_session(key.0),
            program: &READ,
            keys: vec![client.keys.log(key), client.keys.entries(key)],
            args: vec![start.as_bytes(), max_bytes.as_bytes()],
        },
    )?;
    Part::parse(value).ok_or_else(|| client.unexpected(attempt))
}

/// The entries of a trace from `start` on that fit in `max_bytes`, at least one if any is there (X3).
pub(crate) fn trace_page(
    client: &Client,
    key: Key,
    start: usize,
    max_bytes: usize,
) -> Result<Vec<TraceEntry>, StoreError> {
    let attempt = format!("read the trace of segment {}", key.1);
    let mut building = Building::new(key.1, "trace", TraceEntry::from_utf8, start, max_bytes);
    while building.wants_more() {
        let (start, max_bytes) = bounds(building.position(), building.room());
        let value = client.read(
            &attempt,
            &Call {
                tag: Tag::of_session(key.0),
                program: &READ_TRACE,
                keys: vec![client.keys.trace(key)],
                args: vec![start.as_bytes(), max_bytes.as_bytes()],
            },
        )?;
        building.take(texts(value).ok_or_else(|| client.unexpected(&attempt))?)?;
    }
    Ok(building.entries)
}

/// What is asked of the server at once.
fn bounds(start: usize, max_bytes: usize) -> (String, String) {
    (start.min(MOST_ENTRIES).to_string(), max_bytes.min(PART_BYTES).to_string())
}

/// Entries in order, as far as they fit.
struct Building<E> {
    segment_id: SegmentId,
    what: &'static str,
    build: fn(Vec<u8>) -> Result<E, StoreError>,
    start: usize,
    /// Where the log ended at the moment of the first part.
    end: usize,
    budget: PageBudget,
    max_bytes: usize,
    taken: usize,
    /// The mean size of the entries that came last.
    usual: usize,
    full: bool,
    entries: Vec<E>,
}

impl<E> Building<E> {
    fn new(
        segment_id: SegmentId,
        what: &'static str,
        build: fn(Vec<u8>) -> Result<E, StoreError>,
        start: usize,
        max_bytes: usize,
    ) -> Self {
        let budget = PageBudget::new(max_bytes);
        let (end, taken, usual, full, entries) = (usize::MAX, 0, 0, false, Vec::new());
        Self { segment_id, what, build, start, end, budget, max_bytes, taken, usual, full, entries }
    }

    fn position(&self) -> usize {
        self.start.saturating_add(self.entries.len())
    }

    fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.taken)
    }

    /// How many entries are in so many bytes, about, if they are like those that came last; at least one.
    fn entries_in(&self, bytes: usize) -> usize {
        (bytes / self.usual.max(1)).max(1)
    }

    fn wants_more(&self) -> bool {
        !self.full && self.position() < self.end
    }

    /// Adds the next entries. None at all is the end.
    fn take(&mut self, texts: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.full |= texts.is_empty();
        let before = (self.taken, self.entries.len());
        for text in texts {
            // What is no entry takes room like the shortest, so that a page that is full ends before it.
            let bytes = text.len().max("{}".len());
            if self.position() >= self.end || !self.budget.admits(bytes) {
                self.full = true;
                break;
            }
            self.taken += bytes;
            let entry = (self.build)(text).map_err(|error| self.corrupt(&error))?;
            self.entries.push(entry);
        }
        self.usual = (self.taken - before.0) / (self.entries.len() - before.1).max(1);
        self.full |= self.room() == 0;
        Ok(())
    }

    /// The error for the next entry (R4).
    fn corrupt(&self, found: &dyn Display) -> StoreError {
        let Self { segment_id, what, .. } = self;
        StoreError::Corrupt {
            line: self.position() + 1,
            message: format!("the {what} of segment {segment_id} has no entry there: {found}"),
        }
    }
}

/// The head of a log, if it exists.
pub(crate) fn head(client: &Client, key: Key) -> Result<Option<Head>, StoreError> {
    let attempt = format_args!("look at segment {}", key.1);
    let value = client.read(
        attempt,
        &Call {
            tag: Tag::of_session(key.0),
            program: &READ_HEAD,
            keys: vec![client.keys.log(key), client.keys.entries(key)],
            args: Vec::new(),
        },
    )?;
    head_or_none(&value).ok_or_else(|| client.unexpected(attempt))
}
