//! The parts of `migrate`, `restore` and `verify`: the summary in text, the report in JSON, the
//! file of the report, and the exit status.

pub(crate) mod json;
pub(crate) mod report_file;
pub(crate) mod text;

use session_store_migrate::MigrateReport;

use crate::exit::Exit;

/// Returns the exit status of a copy. A store that cannot be listed or opened again is an error,
/// even if all segments were copied.
pub(crate) fn exit(report: &MigrateReport) -> Exit {
    if report.failures.is_empty() { Exit::done_if(report.is_complete()) } else { Exit::Failed }
}
