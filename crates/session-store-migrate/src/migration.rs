//! `Migration`: the builder that starts a copy or a comparison of two stores.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use session_store_core::{Capability, SessionId, Store};

use crate::comparison::VerifyReport;
use crate::error::{Failure, MigrateError};
use crate::inventory;
use crate::leftovers;
use crate::options::{OnConflict, Options};
use crate::pair::Pair;
use crate::progress::{Phase, Progress};
use crate::prove::prove;
use crate::report::MigrateReport;
use crate::run::Run;
use crate::select::Selection;
use crate::side::Side;
use crate::verify::verify;

/// The number of passes after which [`Migration::run`] stops, even if the source still changes.
const MAX_PASSES: usize = 8;

/// The result of opening a store again.
pub type Opened<S> = Result<S, Box<dyn Error + Send + Sync>>;

type Open<'a> = Box<dyn FnOnce() -> Opened<Box<dyn Store + 'a>> + 'a>;

/// A copy from one store to another store, or a comparison of two stores.
///
/// The setters return the builder. One of four methods consumes it:
/// - [`run`](Self::run) copies the source and proves that the copy is complete,
/// - [`follow`](Self::follow) copies the source and its later changes, and then makes the proof,
/// - [`dry_run`](Self::dry_run) reports the changes that `run` would make,
/// - [`verify`](Self::verify) compares the stores.
///
/// All four methods respect the selection, [`jobs`](Self::jobs), [`progress`](Self::progress) and
/// [`abort_after`](Self::abort_after). [`on_conflict`](Self::on_conflict) has no effect on `verify`.
/// [`reopen`](Self::reopen) only has an effect on the proof of `run` and `follow`. The [crate's
/// documentation](crate) has the rules of a copy.
///
/// ```
/// use session_store_memory::MemoryStore;
/// use session_store_migrate::Migration;
///
/// let (a, b) = (MemoryStore::new(), MemoryStore::new());
/// let report = Migration::new(&a, &b).jobs(4).without_traces().run()?;
/// assert!(report.is_complete());
/// assert!(Migration::new(&a, &b).verify()?.is_equal());
/// # Ok::<(), session_store_migrate::MigrateError>(())
/// ```
#[must_use = "a migration does nothing before `run`, `follow`, `dry_run` or `verify`"]
pub struct Migration<'a> {
    source: Box<dyn Store + 'a>,
    destination: Box<dyn Store + 'a>,
    reopen: Option<(Open<'a>, Open<'a>)>,
    options: Options,
    progress: Box<dyn FnMut(Progress<'_>) + 'a>,
}

impl fmt::Debug for Migration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> Migration<'a> {
    /// Creates a migration of a whole store, with [`DEFAULT_JOBS`](crate::DEFAULT_JOBS).
    ///
    /// The stores are passed by value or by reference.
    pub fn new(source: impl Store + 'a, destination: impl Store + 'a) -> Self {
        Self {
            source: Box::new(source),
            destination: Box::new(destination),
            reopen: None,
            options: Options::default(),
            progress: Box::new(|_| {}),
        }
    }

    /// Opens both stores again before [`run`](Self::run) and [`follow`](Self::follow) compare them.
    ///
    /// This comparison is the proof that the copy is complete. Stores that were passed to
    /// [`new`](Self::new) by value are closed first. Without this setter, the proof uses the
    /// handles of the copy, and [`MigrateReport::reopened`] is false.
    pub fn reopen<A: Store + 'a, B: Store + 'a>(
        mut self,
        source: impl FnOnce() -> Opened<A> + 'a,
        destination: impl FnOnce() -> Opened<B> + 'a,
    ) -> Self {
        self.reopen = Some((
            Box::new(|| Ok(Box::new(source()?) as Box<dyn Store + 'a>)),
            Box::new(|| Ok(Box::new(destination()?) as Box<dyn Store + 'a>)),
        ));
        self
    }

    /// Sets the part of the stores to copy or to compare.
    pub fn select(mut self, selection: Selection) -> Self {
        self.options.selection = selection;
        self
    }

    /// Selects only these sessions, as [`Selection::sessions`].
    pub fn sessions(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.options.selection = self.options.selection.sessions(sessions);
        self
    }

    /// Selects only sessions of this time or later, as [`Selection::since`].
    pub fn since(mut self, since: SystemTime) -> Self {
        self.options.selection = self.options.selection.since(since);
        self
    }

    /// Leaves out the traces.
    pub fn without_traces(mut self) -> Self {
        self.options.selection = self.options.selection.without_traces();
        self
    }

    /// Leaves out the pods.
    pub fn without_pods(mut self) -> Self {
        self.options.selection = self.options.selection.without_pods();
        self
    }

    /// Sets the number of segments that are processed at the same time, each by its own thread.
    ///
    /// 0 counts as 1. More jobs do not use more memory.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.options.jobs = jobs.max(1);
        self
    }

    /// Sets the treatment of segments and pods of the destination that differ from the source.
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.options.on_conflict = on_conflict;
        self
    }

    /// Sets the time limit for consecutive failures. If every segment has failed for this time, and
    /// at least 8 segments have failed, the pass skips its remaining segments. The default is 30 s.
    ///
    /// Each pass and each comparison starts a new measurement. [`run`](Self::run) makes no further
    /// pass after a pass that skipped segments. [`follow`](Self::follow) continues, and its next
    /// pass tries the skipped segments again.
    pub fn abort_after(mut self, limit: Duration) -> Self {
        self.options.abort_after = limit;
        self
    }

    /// Calls `report` for each progress event, on the caller's thread.
    pub fn progress(mut self, report: impl FnMut(Progress<'_>) + 'a) -> Self {
        self.progress = Box::new(report);
        self
    }

    /// Copies the source to the destination and compares both.
    ///
    /// Sessions and segments are copied in ascending order of their ids, which is the order of
    /// their creation. Pods are copied last, so that a pod never points to a segment that does not
    /// exist yet.
    ///
    /// The run makes passes over the source until a pass finds no change. It makes at most 8
    /// passes. Later passes copy new entries and new sessions, and retry segments that failed. The
    /// destination is synced if it has [`Capability::DurableSync`].
    ///
    /// # Errors
    /// - [`MigrateError::Unconditional`] if the destination cannot append conditionally, and
    ///   [`MigrateError::NoSuchSession`] if the source does not contain a selected session. Nothing
    ///   was written.
    /// - [`MigrateError::Failed`] if the source cannot be listed in the first pass.
    ///
    /// All other errors are in the report.
    pub fn run(self) -> Result<MigrateReport, MigrateError> {
        self.copy_and_prove(|run, progress| {
            let mut passes = 1;
            while run.may_continue() && passes < MAX_PASSES {
                run.pass(progress);
                passes += 1;
            }
        })
    }

    /// Copies the source as [`run`](Self::run) does, and then copies the changes of the source in
    /// further passes.
    ///
    /// The changes are new entries, sessions, segments, traces and pods, and logs that are
    /// truncated or replaced. Deletions are not repeated in the destination.
    ///
    /// `pause` is called after each pass. The callback can block for any time, and returns whether
    /// to continue. After the callback has returned false, one more pass copies the changes that
    /// were made during this last pause. Then both stores are compared. A pass over an unchanged
    /// source reads only the head of each log and the end of each trace.
    ///
    /// A log, trace or pod that failed is retried in the next pass. A log, trace or pod in conflict
    /// is not retried. A conflict of a trace does not stop the copy of its log.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn follow(
        mut self,
        mut pause: impl FnMut() -> bool,
    ) -> Result<MigrateReport, MigrateError> {
        self.options.follow = true;
        self.copy_and_prove(|run, progress| {
            let mut continues = true;
            while continues {
                continues = pause();
                run.pass(progress);
            }
        })
    }

    /// Writes nothing, and reports the changes that [`run`](Self::run) would make.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn dry_run(mut self) -> Result<MigrateReport, MigrateError> {
        self.options.dry_run = true;
        self.copy_and_prove(|_, _| {})
    }

    /// Compares the two stores in both directions. Changes nothing.
    ///
    /// Segments that are written to during the comparison may compare as different.
    ///
    /// # Errors
    /// - [`MigrateError::NoSuchSession`] if a session that is selected by its id is in neither
    ///   store.
    /// - [`MigrateError::Failed`] if sessions, segments or pods cannot be listed.
    ///
    /// Errors of one segment or pod are in the report.
    pub fn verify(mut self) -> Result<VerifyReport, MigrateError> {
        let pair = Pair { source: &self.source, destination: &self.destination };
        verify(pair, &self.options, &mut self.progress)
    }

    /// Makes the first pass, calls `more_passes`, and then makes the proof. A dry run has no proof.
    fn copy_and_prove(
        self,
        more_passes: impl FnOnce(&mut Run<'_>, &mut dyn FnMut(Progress<'_>)),
    ) -> Result<MigrateReport, MigrateError> {
        let Self { source, destination, reopen, options, mut progress, .. } = self;
        let pair = Pair { source: &source, destination: &destination };
        let keys = inventory::list(&[(Side::Source, pair.source)], &options.selection)?;
        inventory::require(&options.selection, &keys)?;
        if !pair.destination.capabilities().has(Capability::ConditionalAppend) {
            return Err(MigrateError::Unconditional);
        }
        let mut run = Run::new(pair, &options);
        run.visit(keys, Phase::Copy, &mut progress);
        more_passes(&mut run, &mut progress);
        let mut report = run.into_report();
        match leftovers::check(Side::Source, pair.source, &options.selection) {
            Ok(findings) => report.findings = findings,
            Err(failure) => report.failures.push(failure),
        }
        if options.dry_run {
            return Ok(report);
        }
        let Some((open_source, open_destination)) = reopen else {
            prove(pair, &mut report, &mut progress);
            return Ok(report);
        };
        // Close stores that were passed by value before they are opened again, so that the new
        // handles share nothing with the old handles.
        drop((source, destination));
        match (open_source(), open_destination()) {
            (Ok(source), Ok(destination)) => {
                report.reopened = true;
                let pair = Pair { source: &source, destination: &destination };
                prove(pair, &mut report, &mut progress);
            }
            (source, destination) => {
                let errors = [(Side::Source, source.err()), (Side::Destination, destination.err())];
                for (side, error) in errors {
                    report.failures.extend(error.map(Failure::of(side, "open the store again")));
                }
            }
        }
        Ok(report)
    }
}
