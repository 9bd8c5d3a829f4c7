//! What log entries and trace entries have in common here: a text to compare and to measure.

use session_store_core::{LogEntry, TraceEntry};

pub(crate) trait Text {
    fn text(&self) -> &str;
}

impl Text for LogEntry {
    fn text(&self) -> &str {
        self.as_json()
    }
}

impl Text for TraceEntry {
    fn text(&self) -> &str {
        self.as_json()
    }
}
