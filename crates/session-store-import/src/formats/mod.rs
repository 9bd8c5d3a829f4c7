//! The table of formats. Each program has a file in this folder.

mod any;
mod blocks;
mod claude_code;
mod cline;
mod codex;
mod copilot_cli;
mod gemini_cli;
mod own;
mod pi;
mod qwen_code;

use session_store_core::LogEntry;

use crate::format::Format;

pub use any::AnyJsonl;
pub(crate) use any::session_in;
pub use claude_code::ClaudeCode;
pub use cline::{Cline, RooCode};
pub use codex::Codex;
pub use copilot_cli::CopilotCli;
pub use gemini_cli::GeminiCli;
pub use own::OwnLayout;
pub use pi::{OpenClaw, Pi};
pub use qwen_code::QwenCode;

/// The formats, in the order in which they are tried. The first format that recognizes a file is
/// used, so [`AnyJsonl`] is the last format. A more specific format comes before a more general
/// format: OpenClaw comes before pi, because the logs of OpenClaw are also logs of pi.
pub const FORMATS: [&dyn Format; 11] = [
    &OwnLayout,
    &QwenCode,
    &CopilotCli,
    &ClaudeCode,
    &Codex,
    &OpenClaw,
    &Pi,
    &GeminiCli,
    &RooCode,
    &Cline,
    &AnyJsonl,
];

/// Returns the format of a stored log that begins with these entries. A few entries are enough.
#[must_use]
pub fn format_of(first: &[LogEntry]) -> &'static dyn Format {
    FORMATS.into_iter().find(|format| format.recognize(first)).unwrap_or(&AnyJsonl)
}
