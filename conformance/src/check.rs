//! A check: one promise of one clause, and what it takes to run it.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use session_store_core::{Capability, SegmentId, SessionId, Store};

use crate::failure::{Failure, Verdict};
use crate::harness::{Harness, Storage};
use crate::run::Run;
use crate::unsupported;

/// One check of the kit.
#[derive(Debug)]
#[non_exhaustive]
pub struct Check {
    /// Its one identifier: name of the test, of the function, and what filters match. It never changes.
    pub id: &'static str,
    /// The clause of CONTRACT.md.
    pub clause: &'static str,
    /// What the store promises, in a sentence.
    pub promise: &'static str,
    /// What the check can't do without.
    pub needs: &'static [Need],
    pub(crate) body: fn(&Run<'_>) -> Verdict,
}

/// What a check needs of the store or of the harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// A method beyond the base level. Where the store does not declare it, the check demands that it
    /// answers `Unsupported` and changes nothing.
    Operation(Capability),
    /// A promise that the store must declare, or the check says nothing about it.
    Guarantee(Capability),
    /// A store that declares `conditional_append` or `atomic_batch`, and so has an `append_all` of its own
    /// (A7).
    OwnBatches,
    /// A store that keeps pods.
    Pods,
    /// [`Storage::folder`].
    Folder,
    /// [`Storage::log_file`].
    LogFile,
    /// [`Storage::overwrite`], or a log file.
    Overwrite,
    /// [`Storage::raise_format`].
    NewerFormat,
    /// [`Storage::open_missing`].
    MissingPlace,
    /// [`Storage::address`] and [`Harness::helper`].
    Process,
    /// The same, where the address is a path of files.
    FilesInProcess,
}

impl Need {
    /// Why the check can't run, if this need is why.
    fn missing(
        self,
        harness: &dyn Harness,
        storage: &dyn Storage,
        store: &dyn Store,
    ) -> Option<String> {
        let process = || storage.address().is_some() && harness.helper().is_some();
        let log_file = || storage.log_file(SessionId::new(), SegmentId::new()).is_some();
        let (met, reason) = match self {
            Self::Operation(_) => return None,
            Self::Guarantee(capability) => {
                let reason = format!("the store does not declare {capability}");
                return (!store.capabilities().has(capability)).then_some(reason);
            }
            Self::OwnBatches => {
                let own = [Capability::ConditionalAppend, Capability::AtomicBatch];
                let declared = own.iter().any(|&capability| store.capabilities().has(capability));
                (declared, "the store declares neither conditional_append nor atomic_batch")
            }
            Self::Pods => (store.pods().is_some(), "the store keeps no pods"),
            Self::Folder => (storage.folder().is_some(), "the harness names no folder"),
            Self::LogFile => (log_file(), "the harness names no log file"),
            Self::Overwrite => {
                let able = storage.overwrite(SessionId::new(), SegmentId::new(), 0, b"");
                (able.is_some() || log_file(), "the harness cannot overwrite an entry")
            }
            Self::NewerFormat => {
                (storage.raise_format().is_some(), "the harness cannot raise the format's version")
            }
            Self::MissingPlace => {
                (storage.open_missing().is_some(), "the harness has no place without a storage")
            }
            Self::Process => (process(), "the harness cannot open it in another process"),
            Self::FilesInProcess => {
                let files = storage.address().is_some_and(|address| Path::new(&address).exists());
                (files && process(), "the harness names no path that another process can open")
            }
        };
        (!met).then(|| reason.to_owned())
    }

    /// The operation that this need is, if the store does not declare it.
    fn undeclared(self, store: &dyn Store) -> Option<Capability> {
        match self {
            Self::Operation(capability) => {
                (!store.capabilities().has(capability)).then_some(capability)
            }
            _ => None,
        }
    }
}

/// What a check comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The store was not caught breaking the promise.
    Passed,
    /// The check says nothing about this store, and why.
    CannotRun(String),
    /// The store broke the promise: what was expected and found, and the operations that led there.
    Failed(String),
}

impl Check {
    /// Runs the check on a fresh storage. A panic is a failure.
    #[must_use]
    pub fn run(&self, harness: &dyn Harness) -> Outcome {
        let made = panic::catch_unwind(AssertUnwindSafe(|| Run::new(harness)));
        let run = match made {
            Ok(run) => run,
            Err(cause) => return Outcome::Failed(panic_text(&*cause)),
        };
        match panic::catch_unwind(AssertUnwindSafe(|| self.verdict(&run))) {
            Ok(Ok(None)) => Outcome::Passed,
            Ok(Ok(Some(reason))) => Outcome::CannotRun(reason),
            Ok(Err(failure)) => Outcome::Failed(self.report(&failure.to_string(), run)),
            Err(cause) => Outcome::Failed(self.report(&panic_text(&*cause), run)),
        }
    }

    /// `None`: passed; else why the check can't run.
    fn verdict(&self, run: &Run<'_>) -> Result<Option<String>, Failure> {
        if !self.needs.is_empty() {
            // Asking what can be done to a storage may do it, so a storage of its own is asked.
            let storage = run.harness().fresh();
            let store = storage.open()?;
            if let Some(operation) = self.needs.iter().find_map(|need| need.undeclared(&*store)) {
                return unsupported::must_be_refused(run, operation).map(|()| None);
            }
            let harness = run.harness();
            let missing =
                self.needs.iter().find_map(|need| need.missing(harness, &*storage, &*store));
            if missing.is_some() {
                return Ok(missing);
            }
        }
        (self.body)(run).map(|()| None)
    }

    fn report(&self, failure: &str, run: Run<'_>) -> String {
        format!("{self}\n{failure}\n{}", run.into_story())
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]: {}", self.id, self.clause, self.promise)
    }
}

fn panic_text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
    format!("a panic: {}", text.unwrap_or_else(|| String::from("without words")))
}
