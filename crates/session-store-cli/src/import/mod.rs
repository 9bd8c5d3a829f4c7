//! What `import` is made of: finding log files, naming them, reading records out of them. Nothing here
//! writes; the command itself is in `command/import.rs`.

pub(crate) mod files;
pub(crate) mod ids;
pub(crate) mod pieces;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod stored_ids;
pub(crate) mod time;
