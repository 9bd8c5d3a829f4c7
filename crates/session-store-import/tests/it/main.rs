//! Tests of the formats and of the import, through the public interface.

mod agents;
mod bytes;
mod claude_code;
mod codex;
mod conflicts;
mod jobs;
mod logs;
mod own_layout;
mod provenance;
mod reports;
mod trouble;
