//! Phrases that several commands print.

pub(crate) use session_store_import::plural;

/// Returns the number of entries with its noun.
pub(crate) fn entries(count: usize) -> String {
    plural(count, "entry", "entries")
}
