//! Finds data that a copy leaves behind, with the store's own check.

use session_store_core::{Finding, Store};

use crate::error::Failure;
use crate::select::Selection;
use crate::side::Side;

/// Runs the store's own check, if it has one and the whole store is selected.
///
/// A copy only contains data that the source lists. The check of the store can also find data that
/// the store does not list, such as a trace without a log or a file with another name.
pub(crate) fn check(
    side: Side,
    store: &dyn Store,
    selection: &Selection,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let is_whole = selection.sessions.is_none() && selection.since.is_none();
    if let Some(maintenance) = store.maintenance().filter(|_| is_whole) {
        let checked = maintenance.check(&mut |finding| findings.push(finding));
        checked.map_err(Failure::of(side, "check the store"))?;
    }
    Ok(findings)
}
