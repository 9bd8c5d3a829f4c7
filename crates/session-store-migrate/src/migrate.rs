//! Copying one store into another, and proving it.

use std::error::Error;

use session_store_core::{Capability, Store};

use crate::inventory;
use crate::prove::prove;
use crate::run::Run;
use crate::side::Pair;
use crate::{
    Failure, Gap, MigrateError, MigrateOptions, OnConflict, PodCopy, Progress, SegmentCopy, Side,
    VerifyReport,
};

/// How often a source that is written to is looked at before what comes then is left to another run.
const PASSES: usize = 8;

/// A store just opened, or why it was not.
pub type Opened<S> = Result<S, Box<dyn Error + Send + Sync>>;

/// What a migration did, and the proof that it did.
#[derive(Debug)]
#[non_exhaustive]
pub struct MigrateReport {
    /// Every segment that the source had, the oldest first.
    pub segments: Vec<SegmentCopy>,
    /// Every pod that the source had, by name.
    pub pods: Vec<PodCopy>,
    /// What could not be copied at all.
    pub gaps: Vec<Gap>,
    /// What failed where all that comes after it depends on it: a store could not be listed, or not be opened
    /// again for the proof.
    pub troubles: Vec<Failure>,
    /// Why the destination could not sync what was written to it, if it can sync and failed: a power cut may
    /// take of it.
    pub unsynced: Option<Failure>,
    /// What the options said about conflicts.
    pub on_conflict: OnConflict,
    /// Source and destination read back through handles opened anew, and compared: all that was copied or
    /// was there already, conflicts aside. `None` after a dry run, and where a store was not opened again.
    pub proof: Option<VerifyReport>,
}

impl MigrateReport {
    /// Whether all that was asked for is in the destination, and was proved to be; after a dry run, whether
    /// nothing stands against it. Conflicts that were to be skipped are no reason for it not to be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.troubles.is_empty()
            && self.unsynced.is_none()
            && self.segments.iter().all(|copy| copy.is_complete() || self.is_skipped(copy))
            && self.pods.iter().all(|pod| pod.is_complete() || self.is_skipped_pod(pod))
            && self.proof.as_ref().is_none_or(VerifyReport::is_equal)
    }

    /// Whether the segment is in conflict, and was to be left so.
    #[must_use]
    pub fn is_skipped(&self, copy: &SegmentCopy) -> bool {
        self.on_conflict == OnConflict::Skip && copy.is_conflict()
    }

    /// Whether the pod is in conflict, and was to be left so.
    #[must_use]
    pub fn is_skipped_pod(&self, pod: &PodCopy) -> bool {
        self.on_conflict == OnConflict::Skip && pod.is_conflict()
    }

    /// How many log entries were appended to the destination.
    #[must_use]
    pub fn entries_copied(&self) -> usize {
        self.segments.iter().map(|segment| segment.log.appended).sum()
    }
}

/// Copies what `options` select of the source into the destination, opens both anew, and compares them. The
/// [crate's documentation](crate) has the rules.
///
/// Sessions and segments are begun in ascending order of their ids, the oldest first, and pods come last, so
/// that what is there points to nothing that is not. The source is looked at again until nothing has moved, a
/// few times at most: for what was written to it meanwhile, sessions that began, and what failed. What has come
/// to the segments by the end is told in the report. What was written is synced, where the destination has
/// [`Capability::DurableSync`].
///
/// `source` and `destination` open the stores. Each is called twice: to copy, and, all of that closed again,
/// for the proof. Stores that are open already are passed by reference, `|| Ok(&store)`.
///
/// # Errors
/// [`MigrateError::Open`], [`MigrateError::Unconditional`] and [`MigrateError::NoSuchSession`], before
/// anything is written, and before `destination` is called where the source is at fault;
/// [`MigrateError::Failed`] where the source cannot be listed at first. What goes wrong from then on stands
/// in the report.
pub fn migrate<A: Store, B: Store>(
    source: impl Fn() -> Opened<A>,
    destination: impl Fn() -> Opened<B>,
    options: &MigrateOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<MigrateReport, MigrateError> {
    let catch_up = |run: &mut Run<'_>, progress: &mut dyn FnMut(Progress<'_>)| {
        let mut passes = 1;
        while !options.dry_run && passes < PASSES && run.has_moved() && !run.has_given_up() {
            run.pass(progress);
            passes += 1;
        }
    };
    copy_and_prove(source, destination, options, catch_up, progress)
}

/// As [`migrate()`], and then keeps the destination in step with the source: what comes to a log, new sessions,
/// segments, traces and pods, and logs that are cut or replaced. What the source deletes stays.
///
/// `pause` is called after each pass. It waits as long as it likes, and says whether to go on; if not, there is
/// one more pass, for what came during the pause, and the proof. A pass over a source that stands still asks
/// for the head of each segment and the end of each trace.
///
/// A failure is tried again in the next pass; a conflict is not, but that of a trace does not stop its log.
///
/// # Errors
/// As [`migrate()`].
pub fn follow<A: Store, B: Store>(
    source: impl Fn() -> Opened<A>,
    destination: impl Fn() -> Opened<B>,
    options: &MigrateOptions,
    pause: &mut dyn FnMut() -> bool,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<MigrateReport, MigrateError> {
    let keep_up = |run: &mut Run<'_>, progress: &mut dyn FnMut(Progress<'_>)| {
        let mut goes_on = true;
        while goes_on {
            goes_on = pause();
            run.pass(progress);
        }
    };
    copy_and_prove(source, destination, options, keep_up, progress)
}

/// `passes` makes what passes come after the first.
fn copy_and_prove<A: Store, B: Store>(
    source: impl Fn() -> Opened<A>,
    destination: impl Fn() -> Opened<B>,
    options: &MigrateOptions,
    passes: impl FnOnce(&mut Run<'_>, &mut dyn FnMut(Progress<'_>)),
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<MigrateReport, MigrateError> {
    let mut report = {
        let source = source().map_err(MigrateError::Open)?;
        let keys = inventory::of_source(&source, &options.selection)?;
        inventory::require(&options.selection, &keys)?;
        let destination = destination().map_err(MigrateError::Open)?;
        if !destination.capabilities().has(Capability::ConditionalAppend) {
            return Err(MigrateError::Unconditional);
        }
        let pair = Pair { source: &source, destination: &destination };
        let mut run = Run::new(pair, options);
        run.first_pass(keys, progress);
        passes(&mut run, progress);
        run.into_report()
    };
    if options.dry_run {
        return Ok(report);
    }
    let again = |error| Failure::of(Side::Source, "open it again")(error);
    match (source(), destination()) {
        (Ok(source), Ok(destination)) => {
            let pair = Pair { source: &source, destination: &destination };
            prove(pair, options, &mut report, progress);
        }
        (source, destination) => {
            report.troubles.extend(source.err().map(again));
            let again = |error| Failure::of(Side::Destination, "open it again")(error);
            report.troubles.extend(destination.err().map(again));
        }
    }
    Ok(report)
}
