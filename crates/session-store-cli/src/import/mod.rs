//! The parts of `import`: finding log files, assigning ids to them, and reading their records. The
//! command in `command/import.rs` does the writing.

pub(crate) mod files;
pub(crate) mod ids;
pub(crate) mod pieces;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod stored_segments;
pub(crate) mod time;
