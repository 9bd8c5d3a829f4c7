//! Phrases that several commands print.

/// Returns the number with its noun: `1 entry`, `2 entries`.
pub(crate) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns the number of entries with its noun.
pub(crate) fn entries(count: usize) -> String {
    plural(count, "entry", "entries")
}
