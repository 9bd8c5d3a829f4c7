//! `TraceEntry`: one entry of a segment's debug trace.

use crate::line::entry;

entry! {
    /// One entry of a segment's debug trace. A trace entry has the same form as a
    /// [`LogEntry`](crate::LogEntry), but is never part of the log.
    TraceEntry
}
