//! Phrases of the reports.

/// Returns the number with its noun: `1 entry`, `2 entries`.
#[must_use]
pub fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
