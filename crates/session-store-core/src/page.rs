//! What a paged read returns, and the rule by which a page is cut.

use crate::{Head, LogEntry, TraceEntry};

/// A part of a segment's log, and the head of the same moment (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The entries from the start asked for; empty past the end.
    pub entries: Vec<LogEntry>,
    /// The log's head at the moment the page was read.
    pub head: Head,
}

impl Page {
    /// For implementors of a store.
    #[must_use]
    pub const fn new(entries: Vec<LogEntry>, head: Head) -> Self {
        Self { entries, head }
    }
}

/// A part of a segment's trace (X3). An empty page is the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracePage {
    /// The entries from the start asked for; empty past the end.
    pub entries: Vec<TraceEntry>,
}

impl TracePage {
    /// For implementors of a store.
    #[must_use]
    pub const fn new(entries: Vec<TraceEntry>) -> Self {
        Self { entries }
    }
}

/// Decides how many entries fit a page of `max_bytes`: as many as their texts' bytes allow, at least one.
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
    /// A page with nothing in it yet.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { left: max_bytes, empty: true }
    }

    /// How many bytes are left; the first entry may be larger.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Whether an entry of `bytes` still fits; if so, it is counted in.
    pub fn admits(&mut self, bytes: usize) -> bool {
        let fits = self.empty || bytes <= self.left;
        if fits {
            self.left = self.left.saturating_sub(bytes);
            self.empty = false;
        }
        fits
    }
}
