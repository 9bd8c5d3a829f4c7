//! `qualify`: runs the checks of the conformance kit in a live store, beside existing data.

mod fence;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use session_store::{Capability, OpenStore, Store, StoreError};
use session_store_conformance::{CHECKS, Harness, Outcome, Report, Storage};

use crate::args::QualifyArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::signal::StopSignal;
use crate::store::{open, reopener};
use fence::{Fence, Fenced, IN_USE};

pub(crate) fn run(args: &QualifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let cannot = |cause: String| Failure::cannot(format!("qualify {}", store.url()), cause);
    if !store.capabilities().has(Capability::Delete) {
        let cause = "the store cannot delete the sessions that the checks create";
        return Err(cannot(cause.to_owned()));
    }
    let filter = args.filter.as_deref().unwrap_or_default();
    let checks: Vec<_> = CHECKS.iter().filter(|check| check.id.contains(filter)).collect();
    if checks.is_empty() {
        return Err(cannot(format!("no check id contains {filter:?}")));
    }
    // An interrupt stops the run between two checks, because a killed check would leave its
    // sessions behind in the live store.
    let stop = StopSignal::listen()?;
    let live: Arc<dyn Harness> = Arc::new(Live { store: store.clone() });
    let until_stopped = checks.iter().take_while(|_| stop.pause(Duration::ZERO));
    let mut report: Report =
        without_panic_messages(|| until_stopped.map(|&check| (check, check.run(&live))).collect());
    mark_checks_that_met_existing_data(&mut report);
    let json: serde_json::Value = serde_json::from_str(&report.to_json())
        .context(|| "write the report as JSON".to_owned())?;
    out.report(&json, [report.to_string().trim_end()])?;
    let (run, all) = (report.results.len(), checks.len());
    if run < all {
        return Err(cannot(format!("it was interrupted after {run} of {all} checks")));
    }
    Ok(Exit::done_if(report.is_success()))
}

/// Runs the checks without the messages of panics, because some checks provoke a panic, and a
/// failed check is reported with its text.
fn without_panic_messages<T>(work: impl FnOnce() -> T) -> T {
    std::panic::set_hook(Box::new(|_| {}));
    let result = work();
    // Taking the hook restores the default hook.
    drop(std::panic::take_hook());
    result
}

/// Reports a check that needed the name of an existing session or pod as not run, because its
/// failure is not a fault of the store.
fn mark_checks_that_met_existing_data(report: &mut Report) {
    for (_, outcome) in &mut report.results {
        if matches!(outcome, Outcome::Failed(message) if message.contains(IN_USE)) {
            *outcome = Outcome::CannotRun(format!("a session or pod that it needs {IN_USE}"));
        }
    }
}

/// A live store as a harness. Each check gets a part of the store.
struct Live {
    store: OpenStore,
}

impl Harness for Live {
    fn fresh(&self) -> Box<dyn Storage> {
        Box::new(Part { store: self.store.clone(), fence: Arc::default() })
    }
}

/// The sessions and pods that one check creates. They are deleted when the check ends.
struct Part {
    store: OpenStore,
    fence: Arc<Fence>,
}

impl Storage for Part {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let store = reopener(&self.store)().map_err(io::Error::other)?;
        Ok(Box::new(Fenced::new(store, Arc::clone(&self.fence))))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let deleted = self.fence.clear(&self.store);
        let url = self.store.url();
        if let Err(failure) = deleted.context(|| format!("delete the data of a check from {url}")) {
            failure.report();
        }
    }
}
