//! The parts of `migrate` and `verify`: the summary in text, the report in JSON, and the file of
//! the report.

pub(crate) mod json;
pub(crate) mod report_file;
pub(crate) mod text;
