//! Prints the number of entries or the head of a segment, for the commands that change or count
//! entries.

use serde_json::json;
use session_store::Head;

use crate::failure::Failure;
use crate::output::Output;

/// Prints the number of entries in a segment.
pub(crate) fn print_count(entries: usize, out: &mut Output) -> Result<(), Failure> {
    out.report(&json!({ "entries": entries }), [entries])
}

/// Prints the head of a segment, which contains the number of its entries and the token of its log.
pub(crate) fn print_head(head: Head, out: &mut Output) -> Result<(), Failure> {
    out.report(&json!({ "entries": head.entries(), "head": head.to_string() }), [head])
}
