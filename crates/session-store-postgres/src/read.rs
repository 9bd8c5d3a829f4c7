//! Reads of heads and of pages of entries.

use session_store_core::{Head, LogEntry, PageBudget, StoreError, TraceEntry};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::RequestError;
use crate::segment::{LogName, head};
use crate::statement::{Parameter, int};

const HEAD: &str = "SELECT entries, stamp FROM {s}.log
    WHERE session_id = $1 AND segment_id = $2 AND trace = $3";

/// Selects the head of a log, and the entries from a position on.
const ALL: &str = "SELECT log.entries, log.stamp, log.entries, entry.position, entry.text
    FROM {s}.log LEFT JOIN LATERAL (
        SELECT position, text FROM {s}.entry
        WHERE log = log.number AND position >= $4 AND position < log.entries
        ORDER BY position
    ) AS entry ON TRUE
    WHERE session_id = $1 AND segment_id = $2 AND trace = $3";

/// Selects the head of a log, and entries from a position on, as many as fit in $5 bytes.
///
/// The statement adds up the sizes of the entries from the position on, and keeps the entries that
/// fit. The server computes these sums for all entries that it searches before it keeps any.
/// Without a limit, it would search the whole rest of the log for each page. So the search ends
/// after $6 × (64 + n) entries, where n entries of average size have twice the size of the page.
/// The third column is the position at which the search ended.
const PAGE: &str = "SELECT log.entries, log.stamp, found.end_position, entry.position, entry.text
    FROM {s}.log CROSS JOIN LATERAL (
        SELECT least(log.entries, $4 + $6 * (64 + (
            2::float8 * least($5, log.bytes) / greatest(log.bytes, 1) * log.entries)::bigint
        )) AS end_position
    ) AS found LEFT JOIN LATERAL (
        SELECT position, text FROM (
            SELECT position, text, sum(octet_length(text)) OVER (
                ORDER BY position ROWS UNBOUNDED PRECEDING) - octet_length(text) AS bytes_before
            FROM {s}.entry
            WHERE log = log.number AND position >= $4 AND position < found.end_position
        ) AS sized
        WHERE bytes_before < $5 OR position = $4
        ORDER BY position
    ) AS entry ON TRUE
    WHERE session_id = $1 AND segment_id = $2 AND trace = $3";

/// If a search did not fill the page, the next search covers this many times as many entries.
const WIDER: i64 = 4;

/// A type of entries that a log or a trace holds.
pub(crate) trait Stored: Sized {
    fn parse(text: String) -> Result<Self, StoreError>;
}

impl Stored for LogEntry {
    fn parse(text: String) -> Result<Self, StoreError> {
        Self::from_json(text)
    }
}

impl Stored for TraceEntry {
    fn parse(text: String) -> Result<Self, StoreError> {
        Self::from_json(text)
    }
}

/// Reads the head of a log, or `None` if the log does not exist.
pub(crate) fn head_of(
    connection: &mut Connection,
    log: LogName,
) -> Result<Option<Head>, RequestError> {
    let rows = connection.query(HEAD, &log.parameters())?;
    Ok(rows.first().map(|row| head(row.get(0), row.get(1))))
}

/// Reads the head of a log, and entries from the position `start` on, as many as fit in
/// `max_bytes`. If the log has an entry at `start`, at least this entry is read.
///
/// Each search is one statement, so the head and the entries are from the same moment.
pub(crate) fn page<E: Stored>(
    connection: &mut Connection,
    log: LogName,
    start: usize,
    max_bytes: usize,
) -> Result<Option<(Vec<E>, Head)>, RequestError> {
    // Limit the position, so that the statement can add numbers to it without an overflow.
    let start = i64::try_from(start).unwrap_or(i64::MAX).min(i64::MAX / 4);
    let [session, segment, is_trace] = log.parameters();
    let key = [session, segment, is_trace, int(&start)];
    let Ok(limit) = i64::try_from(max_bytes) else {
        let mut page = Page::new(log, start, max_bytes);
        page.search(connection, ALL, &key)?;
        return page.finish();
    };
    let mut width = 1;
    loop {
        let mut page = Page::new(log, start, max_bytes);
        let limits = [int(&limit), int(&width)];
        page.search(connection, PAGE, &[&key[..], &limits[..]].concat())?;
        if page.is_complete() {
            return page.finish();
        }
        width *= WIDER;
    }
}

/// The entries of a page, while its rows arrive.
struct Page<E> {
    log: LogName,
    start: i64,
    budget: PageBudget,
    is_full: bool,
    entries: Vec<E>,
    head: Option<Head>,
    /// The position at which the search ended.
    end: i64,
}

impl<E: Stored> Page<E> {
    fn new(log: LogName, start: i64, max_bytes: usize) -> Self {
        let budget = PageBudget::new(max_bytes);
        let (is_full, entries, head) = Default::default();
        Self { log, start, budget, is_full, entries, head, end: start }
    }

    fn search(
        &mut self,
        connection: &mut Connection,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<(), RequestError> {
        connection.query_each(statement, parameters, &mut |row| Ok(self.push(&row)?))?;
        // If the rows end before the end of the search, the next row is missing. (`push` has
        // already found a row that is missing between two others.)
        if !self.is_full && self.next() < self.end && self.admits(None) {
            return Err(self.corrupt("the row is missing").into());
        }
        Ok(())
    }

    fn push(&mut self, row: &Row) -> Result<(), StoreError> {
        self.head = Some(head(row.get(0), row.get::<_, Uuid>(1)));
        self.end = row.get(2);
        let Some(position) = row.get::<_, Option<i64>>(3) else { return Ok(()) };
        let text = (position == self.next()).then(|| row.get::<_, &str>(4));
        if self.is_full || !self.admits(text) {
            return Ok(());
        }
        let text = text.ok_or_else(|| self.corrupt("the row is missing"))?;
        let entry = E::parse(text.to_owned()).map_err(|error| self.corrupt(&error.to_string()))?;
        self.entries.push(entry);
        Ok(())
    }

    /// Returns whether the next entry fits in the page. A missing row (`None`) counts as the
    /// shortest entry. So a page that is full before the missing row ends there and does not fail.
    fn admits(&mut self, text: Option<&str>) -> bool {
        let fits = self.budget.admits(text.map_or(0, str::len).max("{}".len()));
        self.is_full = !fits;
        fits
    }

    fn next(&self) -> i64 {
        self.start + self.entries.len() as i64
    }

    fn is_complete(&self) -> bool {
        let entries = self.head.map_or(0, |head| head.entries() as i64);
        self.is_full || self.next() >= entries
    }

    fn corrupt(&self, found: &str) -> StoreError {
        let line = self.next() as usize + 1;
        let message = format!("row {line} of the {} is not an entry: {found}", self.log);
        StoreError::Corrupt { line, message }
    }

    fn finish(self) -> Result<Option<(Vec<E>, Head)>, RequestError> {
        Ok(self.head.map(|head| (self.entries, head)))
    }
}
