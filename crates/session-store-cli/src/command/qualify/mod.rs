//! `qualify`: the checks of the conformance kit against a live store, among what others keep there.

mod fence;

use std::sync::Arc;
use std::time::Duration;

use session_store::{Capability, OpenError, OpenStore, Store, StoreError, StoreUrl};
use session_store_conformance::{CHECKS, Harness, Outcome, Report, Storage};

use crate::args::QualifyArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::signal::StopSignal;
use crate::store::open;
use fence::{Fence, Fenced, IN_USE};

pub(crate) fn run(args: &QualifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let cannot = |why: String| Failure::cannot(format!("qualify {}", store.url()), why);
    if !store.capabilities().has(Capability::Delete) {
        return Err(cannot(String::from("it cannot delete what the checks would leave behind")));
    }
    let filter = args.filter.as_deref().unwrap_or_default();
    let chosen: Vec<_> = CHECKS.iter().filter(|check| check.id.contains(filter)).collect();
    if chosen.is_empty() {
        return Err(cannot(format!("no check has {filter:?} in its id")));
    }
    // A check that was killed would leave what it made among what others keep there.
    let stop = StopSignal::listen()?;
    let live = Live { store: store.clone() };
    let going = chosen.iter().take_while(|_| stop.pause(Duration::ZERO));
    let mut report: Report = quietly(|| going.map(|&check| (check, check.run(&live))).collect());
    set_aside_what_is_in_use(&mut report);
    if out.is_json() {
        let told: serde_json::Value = serde_json::from_str(&report.to_json())
            .context(|| String::from("write the report as JSON"))?;
        out.json_line(&told)?;
    } else {
        out.line(report.to_string().trim_end())?;
    }
    let (run, all) = (report.results.len(), chosen.len());
    if run < all {
        return Err(cannot(format!("it was interrupted after {run} of {all} checks")));
    }
    Ok(Exit::done_if(report.is_success()))
}

/// A panic that a check provokes or catches is told in the report, not on standard error.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    std::panic::set_hook(Box::new(|_| {}));
    let result = work();
    // The hook of before is the one that Rust came with.
    drop(std::panic::take_hook());
    result
}

/// A check that came upon a name of somebody else's says nothing about the store.
fn set_aside_what_is_in_use(report: &mut Report) {
    for (_, outcome) in &mut report.results {
        if matches!(outcome, Outcome::Failed(story) if story.contains(IN_USE)) {
            *outcome = Outcome::CannotRun(format!("a name that it needs {IN_USE}"));
        }
    }
}

/// A live store as a harness: each check gets a part of it of its own.
struct Live {
    store: OpenStore,
}

impl Harness for Live {
    fn fresh(&self) -> Box<dyn Storage> {
        Box::new(Part { store: self.store.clone(), fence: Arc::default() })
    }
}

/// What one check makes in the store; it is deleted when the check is over.
struct Part {
    store: OpenStore,
    fence: Arc<Fence>,
}

impl Part {
    /// A handle of its own, where the store outlives its handles.
    fn handle(&self) -> Result<OpenStore, OpenError> {
        let lives_on = self.store.capabilities().has(Capability::Persistent);
        if lives_on { reopened(self.store.url()) } else { Ok(self.store.clone()) }
    }
}

fn reopened(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    url.open()
}

impl Storage for Part {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let store = self.handle().map_err(std::io::Error::other)?;
        Ok(Box::new(Fenced::new(store, Arc::clone(&self.fence))))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Err(error) = self.fence.clear(&self.store) {
            crate::failure::warn(&format!("{}: cannot clean up: {error}", self.store.url()));
        }
    }
}
