//! Reads logs and traces.
//!
//! A long log is read in many small parts, so that a read does not block the server. All parts
//! together have the state of the log at one moment.

use std::fmt::Display;
use std::sync::LazyLock;

use redis::Cmd;
use session_store_core::{LogEntry, Page, PageBudget, SegmentKey, StoreError, TraceEntry};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::metadata::{self, Metadata};
use crate::reply::{array, byte_string, byte_strings, values};
use crate::script::{Call, Program, READ, READ_TRACE};
use crate::sizes::Sizes;

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
/// If large entries follow small entries in a long read, the reply can be much larger than
/// expected. The same is true for a page if the log was replaced since the handle read it. The
/// server then holds a second copy of these large entries. So the number of entries is limited. A
/// limit of 4096 entries would not be faster (measured with long reads).
const RANGE_ENTRIES: usize = 512;

/// The maximum number of entries that a plain list command reads for a login that cannot run
/// scripts, if the sizes of the entries are not limited. A script has the same limit.
const UNSCRIPTED_ENTRIES: usize = 64;

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
        let (entries, head) = (walk.page.entries, walk.log.head());
        let bytes: usize = entries.iter().map(|entry| entry.as_json().len()).sum();
        if let Some(mean) = bytes.checked_div(entries.len()) {
            let sizes = Sizes { mean, total: walk.log.info.bytes };
            client.recent_sizes.remember(key, head.entries(), sizes);
        }
        Ok(Page::new(entries, head))
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
    let list = client.keys.trace(key);
    let unscripted = || {
        let sizes = Sizes { mean: page.mean_bytes, total: None };
        let range = range(&list, page.position, unscripted_entries(sizes, page.room()));
        byte_strings(client.command(Tag::of_session(key.session_id), &range)?)
    };
    client.scripted(
        || {
            let call = part(&READ_TRACE, key, [list.clone()], page.position, page.room());
            byte_strings(client.read(&call)?)
        },
        unscripted,
    )
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
            return Ok(walk.log.epoch);
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
    /// The metadata at the moment of the first part.
    log: Metadata,
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
        let mut page = PageBuilder::new(key, "log", parse, start, max_bytes);
        let recent = client.recent_sizes.of(key, start);
        let first = match recent.and_then(|(sizes, left)| range_entries(sizes, max_bytes, left)) {
            Some(entries) => LogPart::by_range(client, key, start, entries)?,
            None => {
                let is_long = max_bytes > PART_BYTES;
                let bytes = if is_long { FIRST_PART_BYTES } else { max_bytes };
                LogPart::by_script(client, key, start, bytes, UNKNOWN_SIZES)?
            }
        };
        let LogPart { log, texts } = first.ok_or(StoreError::NotFound(key.segment_id))?;
        page.end = log.head().entries();
        page.add(texts)?;
        Ok(Self { client, key, log, page })
    }

    /// Reads the next part.
    ///
    /// The part contains the epoch at its own moment. The epoch changes whenever entries are cut or
    /// replaced, and an old epoch never comes back. If the epoch has not changed since the first
    /// part, no entries were cut or replaced. Appended entries are after the entries of this part.
    fn advance(&mut self) -> Result<(), RequestError> {
        let Self { client, key, .. } = *self;
        let (from, room) = (self.page.position, self.page.room());
        let part = match range_entries(self.sizes(), room, self.page.end - from) {
            Some(entries) => LogPart::by_range(client, key, from, entries),
            None => LogPart::by_script(client, key, from, room, self.sizes()),
        };
        let same_log = part?.filter(|part| part.log.epoch == self.log.epoch);
        self.page.add(same_log.map(|part| part.texts).ok_or(RequestError::StartAgain(
            "other writers truncated or replaced the log during each attempt to read it",
        ))?)
    }

    fn sizes(&self) -> Sizes {
        Sizes { mean: self.page.mean_bytes, total: self.log.info.bytes }
    }
}

/// The sizes of the entries of a log that was not read yet.
const UNKNOWN_SIZES: Sizes = Sizes { mean: 0, total: None };

/// Returns the number of entries that a plain list command reads for a page with `room` bytes left.
/// `sizes` describes only the next `left` entries. Returns `None` if the reply could be too large.
/// The entries must then be read by a script, which limits its reply.
fn range_entries(sizes: Sizes, room: usize, left: usize) -> Option<usize> {
    let entries = sizes.entries_in(room.min(PART_BYTES)).min(left).min(RANGE_ENTRIES);
    // A long read needs these entries in any case, so a large reply is not wasted.
    let is_long = room > PART_BYTES;
    (is_long || sizes.limit_reply()).then_some(entries)
}

/// Returns the number of entries that a plain list command reads in the place of a script.
fn unscripted_entries(sizes: Sizes, room: usize) -> usize {
    // The size of the first entry is unknown.
    if sizes.mean == 0 { 1 } else { sizes.entries_in(room).min(UNSCRIPTED_ENTRIES) }
}

/// Returns the command that reads the next entries of a list.
fn range(list: &str, start: usize, entries: usize) -> Cmd {
    let start = start.min(MAX_ENTRIES);
    let mut range = redis::cmd("LRANGE");
    range.arg(list).arg(start).arg(start + entries - 1);
    range
}

/// A part of a log, and its metadata at the same moment.
struct LogPart {
    log: Metadata,
    texts: Vec<Vec<u8>>,
}

impl LogPart {
    /// Reads entries by plain commands. Returns `None` if the log does not exist.
    fn by_range(
        client: &Client,
        key: SegmentKey,
        start: usize,
        entries: usize,
    ) -> Result<Option<Self>, RequestError> {
        let mut commands = metadata::commands(&client.keys, key);
        commands.push(range(&client.keys.entries(key), start, entries));
        let replies = client.transaction(&(Tag::of_session(key.session_id), commands))?;
        let [fields, count, texts] = array(replies)?;
        let log = Metadata::parse(&client.keys, key, array(values(fields)?)?, &count)?;
        let texts = byte_strings(texts)?;
        Ok(log.map(|log| Self { log, texts }))
    }

    /// Reads entries with about `max_bytes` bytes by a script, if the login can run scripts.
    fn by_script(
        client: &Client,
        key: SegmentKey,
        start: usize,
        max_bytes: usize,
        sizes: Sizes,
    ) -> Result<Option<Self>, RequestError> {
        let keys = [client.keys.log(key), client.keys.entries(key)];
        client.scripted(
            || {
                let reply = client.read(&part(&READ, key, keys, start, max_bytes))?;
                let mut values = values(reply)?.into_iter();
                let fields = array(values.by_ref().take(3).collect())?;
                let count = values.next().ok_or(RequestError::UnexpectedReply)?;
                let log = Metadata::parse(&client.keys, key, fields, &count)?;
                let texts = values.map(byte_string).collect::<Result<_, _>>()?;
                Ok(log.map(|log| Self { log, texts }))
            },
            || Self::by_range(client, key, start, unscripted_entries(sizes, max_bytes)),
        )
    }
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
    /// The mean size of the entries in the last part that had entries. Initially 0.
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
        self.mean_bytes = added_bytes.checked_div(added).unwrap_or(self.mean_bytes);
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
