//! The table of formats: one file for each program.

mod any;
mod claude_code;
mod codex;
mod own;

use session_store_core::LogEntry;

use crate::format::Format;

pub use any::AnyJsonl;
pub(crate) use any::session_in;
pub use claude_code::ClaudeCode;
pub use codex::Codex;
pub use own::OwnLayout;

/// The formats. The first one that claims a file is used, so [`AnyJsonl`] is the last.
pub const FORMATS: [&dyn Format; 4] = [&OwnLayout, &ClaudeCode, &Codex, &AnyJsonl];

/// Returns the format of a stored log that begins with these entries. A few entries are enough.
#[must_use]
pub fn format_of(first: &[LogEntry]) -> &'static dyn Format {
    FORMATS.into_iter().find(|format| format.recognize(first)).unwrap_or(&AnyJsonl)
}
