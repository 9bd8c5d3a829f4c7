//! Reads logs and traces.
//!
//! A long log is read in many small parts, so that a read does not block the server. All parts
//! together have the state of the log at one moment.

use std::fmt::Display;
use std::sync::LazyLock;

use session_store_core::{Head, LogEntry, Page, PageBudget, SegmentKey, StoreError, TraceEntry};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::reply::{LogPart, byte_string_or_nil, byte_strings};
use crate::script::{Call, Program, READ, READ_TRACE};

/// The approximate number of bytes of entries that one call reads.
const PART_BYTES: usize = 1024 * 1024;

/// The approximate number of bytes that the first call of a long read reads.
///
/// The first call is a script. The next calls are plain list commands, which are six times as fast
/// because Lua does not copy their replies. Measured with parts of 1 MiB, a script takes 1.9 ms and
/// a list command 0.3 ms.
const FIRST_PART_BYTES: usize = 64 * 1024;

/// The maximum number of entries that a plain list command reads.
///
/// The command cannot limit its reply by bytes. If large entries follow small entries, the reply
/// can be much larger than expected. The server then holds a second copy of these large entries. A
/// limit of 4096 entries was measured and is not faster.
const RANGE_ENTRIES: usize = 512;

/// The maximum number of entries of a list on the server. A number in Lua represents this value
/// exactly.
const MAX_ENTRIES: usize = u32::MAX as usize;

/// Returns the entries of a log from `start` on that fit in `max_bytes`, and the head at the same
/// moment.
pub(crate) fn page(
    client: &Client,
    key: SegmentKey,
    start: usize,
    max_bytes: usize,
) -> Result<Page, RequestError> {
    client.repeat(|| {
        let mut walk = LogWalk::begin(client, key, LogEntry::from_utf8, start, max_bytes)?;
        while walk.page.wants_more() {
            walk.advance()?;
        }
        Ok(Page::new(walk.page.entries, walk.head))
    })
}

/// Returns the entries of a trace from `start` on that fit in `max_bytes`.
pub(crate) fn trace_page(
    client: &Client,
    key: SegmentKey,
    start: usize,
    max_bytes: usize,
) -> Result<Vec<TraceEntry>, RequestError> {
    let mut page = PageBuilder::new(key, "trace", TraceEntry::from_utf8, start, max_bytes);
    while page.wants_more() {
        page.add(trace_part(client, key, &page)?)?;
    }
    Ok(page.entries)
}

/// Reads the next items of a trace.
fn trace_part<E>(
    client: &Client,
    key: SegmentKey,
    page: &PageBuilder<E>,
) -> Result<Vec<Vec<u8>>, RequestError> {
    let call = part(&READ_TRACE, key, [client.keys.trace(key)], page.position, page.room());
    byte_strings(client.read(&call)?)
}

/// Calls `visit` with each item of a log in order, also with items that are not entries. Returns
/// the epoch of the log, a random mark that changes when entries are cut or replaced.
///
/// # Errors
/// `StartAgain` if other writers cut or replaced the log before the end.
pub(crate) fn each_log_item(
    client: &Client,
    key: SegmentKey,
    visit: &mut dyn FnMut(Vec<u8>),
) -> Result<Vec<u8>, RequestError> {
    let mut walk = LogWalk::begin(client, key, Ok, 0, usize::MAX)?;
    loop {
        walk.page.entries.drain(..).for_each(&mut *visit);
        if !walk.page.wants_more() {
            return Ok(walk.epoch);
        }
        walk.advance()?;
    }
}

/// Calls `visit` with each item of a trace in order, also with items that are not entries.
pub(crate) fn each_trace_item(
    client: &Client,
    key: SegmentKey,
    visit: &mut dyn FnMut(Vec<u8>),
) -> Result<(), RequestError> {
    let mut page = PageBuilder::new(key, "trace", Ok, 0, usize::MAX);
    while page.wants_more() {
        page.add(trace_part(client, key, &page)?)?;
        page.entries.drain(..).for_each(&mut *visit);
    }
    Ok(())
}

/// A read of a log in parts.
///
/// All parts have the state of the log at the moment of the first part. Entries that are appended
/// later are after `page.end`. If entries are cut or replaced between two parts, the log gets a new
/// epoch, and the read starts again.
struct LogWalk<'a, E> {
    client: &'a Client,
    key: SegmentKey,
    head: Head,
    epoch: Vec<u8>,
    page: PageBuilder<E>,
}

impl<'a, E> LogWalk<'a, E> {
    /// Reads the first part.
    fn begin(
        client: &'a Client,
        key: SegmentKey,
        parse: Parse<E>,
        start: usize,
        max_bytes: usize,
    ) -> Result<Self, RequestError> {
        let first_bytes = if max_bytes > PART_BYTES { FIRST_PART_BYTES } else { max_bytes };
        let first = log_part(client, key, start, first_bytes)?;
        let LogPart { head, epoch, texts } = first.ok_or(StoreError::NotFound(key.segment_id))?;
        let mut page = PageBuilder::new(key, "log", parse, start, max_bytes);
        page.end = head.entries();
        page.add(texts)?;
        Ok(Self { client, key, head, epoch, page })
    }

    /// Reads the next part.
    fn advance(&mut self) -> Result<(), RequestError> {
        let is_long = self.page.room() > PART_BYTES;
        let texts = is_long.then(|| self.range()).flatten().map_or_else(|| self.part(), Ok)?;
        self.page.add(texts)
    }

    /// Reads the next entries by a plain list command. The number of entries is an estimate for one
    /// part.
    ///
    /// Returns `None` if the epoch has changed, or if the server did not reply at the first
    /// attempt.
    ///
    /// The list command and the query for the epoch are two steps, and other writers may change the
    /// log between the steps. The epoch is therefore read after the entries. The epoch changes
    /// whenever entries are cut or replaced, and an old epoch never comes back. If the epoch has
    /// not changed since the first part, no entries were cut or replaced before the list command.
    /// Appended entries are after the entries of this part.
    fn range(&self) -> Option<Vec<Vec<u8>>> {
        let (from, end) = (self.page.position, self.page.end);
        let to = end.min(from + self.page.entries_in(PART_BYTES).min(RANGE_ENTRIES));
        let (mut entries, mut epoch) = (redis::cmd("LRANGE"), redis::cmd("HGET"));
        entries.arg(self.client.keys.entries(self.key)).arg(from).arg(to - 1);
        epoch.arg(self.client.keys.log(self.key)).arg("epoch");
        let tag = Tag::of_session(self.key.session_id);
        let replies = self.client.together(&[(tag, entries), (tag, epoch)])?;
        let [entries, epoch] = <[_; 2]>::try_from(replies).ok()?;
        let (texts, epoch) = (byte_strings(entries).ok()?, byte_string_or_nil(epoch).ok()?);
        (texts.len() == to - from && epoch.as_ref() == Some(&self.epoch)).then_some(texts)
    }

    /// Reads the next entries by a script.
    fn part(&self) -> Result<Vec<Vec<u8>>, RequestError> {
        let part = log_part(self.client, self.key, self.page.position, self.page.room())?;
        let same_log = part.filter(|part| part.epoch == self.epoch);
        same_log.map(|part| part.texts).ok_or(RequestError::StartAgain(
            "other writers truncated or replaced the log during each attempt to read it",
        ))
    }
}

fn log_part(
    client: &Client,
    key: SegmentKey,
    start: usize,
    max_bytes: usize,
) -> Result<Option<LogPart>, RequestError> {
    let keys = [client.keys.log(key), client.keys.entries(key)];
    LogPart::parse(client.read(&part(&READ, key, keys, start, max_bytes))?)
}

/// Returns the call that reads entries from `start` on.
fn part<const N: usize>(
    program: &'static LazyLock<Program>,
    key: SegmentKey,
    keys: [String; N],
    start: usize,
    max_bytes: usize,
) -> Call<'static> {
    Call::new(program, Tag::of_session(key.session_id))
        .keys(keys)
        .arg(start.min(MAX_ENTRIES).to_string())
        .arg(max_bytes.min(PART_BYTES).to_string())
}

/// Parses an item as an entry.
type Parse<E> = fn(Vec<u8>) -> Result<E, StoreError>;

/// Collects the entries of a page, in order.
struct PageBuilder<E> {
    key: SegmentKey,
    /// `log` or `trace`, for messages.
    kind: &'static str,
    parse: Parse<E>,
    /// The index of the next entry.
    position: usize,
    /// The number of entries at the moment of the first part, if it is known.
    end: usize,
    budget: PageBudget,
    /// The mean size of the entries in the last part.
    mean_bytes: usize,
    is_full: bool,
    entries: Vec<E>,
}

impl<E> PageBuilder<E> {
    fn new(
        key: SegmentKey,
        kind: &'static str,
        parse: Parse<E>,
        position: usize,
        max_bytes: usize,
    ) -> Self {
        let (budget, entries) = (PageBudget::new(max_bytes), Vec::new());
        let (end, mean_bytes, is_full) = (usize::MAX, 0, false);
        Self { key, kind, parse, position, end, budget, mean_bytes, is_full, entries }
    }

    /// Returns the number of bytes that the page can still hold.
    fn room(&self) -> usize {
        self.budget.left()
    }

    /// Estimates the number of next entries with `bytes` bytes in total. Returns at least one.
    fn entries_in(&self, bytes: usize) -> usize {
        (bytes / self.mean_bytes.max(1)).max(1)
    }

    fn wants_more(&self) -> bool {
        !self.is_full && self.position < self.end
    }

    /// Adds the next entries. An empty part is the end of the list.
    fn add(&mut self, texts: Vec<Vec<u8>>) -> Result<(), RequestError> {
        self.is_full |= texts.is_empty();
        let (mut added, mut added_bytes) = (0, 0);
        for text in texts {
            // Bytes that are not an entry count at least as much as the shortest entry, `{}`.
            // Otherwise shorter bytes would fit into a page that no entry fits into, and the page
            // would fail.
            let bytes = text.len().max("{}".len());
            if self.position >= self.end || !self.budget.admits(bytes) {
                self.is_full = true;
                break;
            }
            let entry = (self.parse)(text).map_err(|error| self.corrupt(&error))?;
            self.entries.push(entry);
            self.position += 1;
            (added, added_bytes) = (added + 1, added_bytes + bytes);
        }
        self.mean_bytes = added_bytes / added.max(1);
        self.is_full |= self.room() == 0;
        Ok(())
    }

    /// Returns the error for the next entry.
    fn corrupt(&self, cause: &dyn Display) -> StoreError {
        let Self { key, kind, .. } = self;
        let line = self.position + 1;
        StoreError::Corrupt {
            line,
            message: format!("the {kind} of {key} has no entry there: {cause}"),
        }
    }
}
