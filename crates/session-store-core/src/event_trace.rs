//! `TraceEntry`: one entry of a segment's debug trace.

use crate::line::entry;

entry! {
    /// One entry of a segment's debug trace. It is built like a [`LogEntry`](crate::LogEntry), but
    /// is never part of the log.
    TraceEntry
}
