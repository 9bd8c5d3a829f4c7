//! `qualify`: runs the checks of the conformance kit, in a live store beside existing data, or over
//! a store in another program.

mod fence;
mod live;
mod program;

use std::sync::Arc;
use std::time::Duration;

use session_store::{Capability, Store};
use session_store_conformance::{CHECKS, Check, Harness, Outcome, Report};

use crate::args::QualifyArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::signal::StopSignal;
use crate::store::open;
use fence::IN_USE;
use live::Live;
use program::Program;

pub(crate) fn run(args: &QualifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (place, harness): (String, Arc<dyn Harness>) = match (&args.store, &args.command) {
        (Some(url), _) => {
            let store = open(url)?;
            if !store.capabilities().has(Capability::Delete) {
                let cause = "the store cannot delete the sessions that the checks create";
                return Err(cannot(store.url(), cause));
            }
            (store.url().to_string(), Arc::new(Live { store }))
        }
        (None, command) => {
            let command = command.clone().unwrap_or_default();
            let program = Program::parse(&command)
                .ok_or_else(|| cannot(&command, "the command is empty or has an open quote"))?;
            (command, Arc::new(program))
        }
    };
    let filter = args.filter.as_deref().unwrap_or_default();
    let checks: Vec<_> = CHECKS.iter().filter(|check| check.id.contains(filter)).collect();
    if checks.is_empty() {
        return Err(cannot(place, format!("no check id contains {filter:?}")));
    }
    let report = run_checks(&checks, &harness)?;
    let json: serde_json::Value = serde_json::from_str(&report.to_json())
        .context(|| "write the report as JSON".to_owned())?;
    out.report(&json, [report.to_string().trim_end()])?;
    let (run, all) = (report.results.len(), checks.len());
    if run < all {
        return Err(cannot(place, format!("it was interrupted after {run} of {all} checks")));
    }
    Ok(Exit::done_if(report.is_success()))
}

fn cannot(place: impl std::fmt::Display, cause: impl Into<String>) -> Failure {
    Failure::cannot(format!("qualify {place}"), cause.into())
}

/// Runs the checks, until an interrupt.
///
/// An interrupt stops the run between two checks. A check that is killed would leave its sessions
/// behind in a live store.
fn run_checks(checks: &[&'static Check], harness: &Arc<dyn Harness>) -> Result<Report, Failure> {
    let stop = StopSignal::listen()?;
    let until_stopped = checks.iter().take_while(|_| stop.pause(Duration::ZERO));
    let mut report: Report = without_panic_messages(|| {
        until_stopped.map(|&check| (check, check.run(harness))).collect()
    });
    mark_checks_that_met_existing_data(&mut report);
    Ok(report)
}

/// Runs the checks without the messages of panics. Some checks provoke a panic, and the report of a
/// failed check has the text of its panic.
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
