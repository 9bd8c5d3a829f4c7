//! `LogEntry`: one entry of a segment's log.

use crate::line::entry;

entry! {
    /// One entry of a segment's log: one JSON object on one line, kept byte for byte.
    LogEntry
}
