//! `Page` and `TracePage`: the results of a paged read. `PageRequest`: the options of a paged read.
//! `PageBudget`: the rule for the size of a page.

use crate::{Head, LogEntry, TraceEntry};

/// A part of a segment's log, and the head of the log at the same moment.
///
/// Clause [R6](crate::contract#r6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The entries from the requested start on. Empty if the start is at or past the end.
    pub entries: Vec<LogEntry>,
    /// The head of the log at the moment when the page was read.
    pub head: Head,
}

impl Page {
    /// Returns a page, for implementors of a store.
    #[must_use]
    pub const fn new(entries: Vec<LogEntry>, head: Head) -> Self {
        Self { entries, head }
    }
}

/// A part of a segment's trace. An empty page means the end of the trace.
///
/// Clause [X3](crate::contract#x3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracePage {
    /// The entries from the requested start on. Empty if the start is at or past the end.
    pub entries: Vec<TraceEntry>,
}

impl TracePage {
    /// Returns a page, for implementors of a store.
    #[must_use]
    pub const fn new(entries: Vec<TraceEntry>) -> Self {
        Self { entries }
    }
}

/// The start and the options of a page that is read with
/// [`Store::read_page_with`](crate::Store::read_page_with). [`Pages`](crate::Pages) returns such a
/// request for the next page that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// The position of the first entry.
    pub start: usize,
    /// The maximum size of the page: the number of bytes in the texts of its entries.
    pub max_bytes: usize,
    /// Whether the head of the log is needed. The default is true.
    pub needs_head: bool,
}

impl PageRequest {
    /// Requests the entries from the position `start` on, as many as fit in `max_bytes`, and the
    /// head.
    #[must_use]
    pub const fn new(start: usize, max_bytes: usize) -> Self {
        Self { start, max_bytes, needs_head: true }
    }

    /// Sets whether the head of the log is needed.
    #[must_use]
    pub const fn with_head(self, needs_head: bool) -> Self {
        Self { needs_head, ..self }
    }
}

/// Decides which entries fit a page of `max_bytes`. The first entry always fits, so every page
/// makes progress.
///
/// ```
/// use session_store_core::PageBudget;
///
/// let mut budget = PageBudget::new(10);
/// assert!(budget.admits(25), "the first always fits");
/// assert!(!budget.admits(1));
/// ```
#[derive(Clone, Debug)]
pub struct PageBudget {
    left: usize,
    empty: bool,
}

impl PageBudget {
    /// Returns the budget of an empty page.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { left: max_bytes, empty: true }
    }

    /// Returns the number of bytes that are left. The first entry of a page is admitted even if it
    /// is larger than this number.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Returns whether an entry of `bytes` bytes fits. If it fits, the entry is counted.
    pub fn admits(&mut self, bytes: usize) -> bool {
        let fits = self.empty || bytes <= self.left;
        if fits {
            self.left = self.left.saturating_sub(bytes);
            self.empty = false;
        }
        fits
    }
}
