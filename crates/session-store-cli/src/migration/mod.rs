//! What `migrate` and `verify` are made of: opening again, stopping, and telling what happened to people and to
//! programs. The commands themselves are in `command/`.

pub(crate) mod json;
pub(crate) mod opener;
pub(crate) mod report_file;
pub(crate) mod text;
