//! The result of a run: counts, or the first violation.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use session_store::error_chain;

use crate::target::Change;

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) faults: usize,
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    pub(crate) refused: usize,
    pub(crate) reads: usize,
    /// The number of checkpoints that the file store had stored, summed over all audits. A
    /// checkpoint is a place in a log at which a new handle starts its scan.
    pub(crate) checkpoints: usize,
    /// The calls that a kill or a power cut interrupted, by their kind.
    pub(crate) interrupted: BTreeMap<Change, usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.faults += other.faults;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.refused += other.refused;
        self.reads += other.reads;
        self.checkpoints += other.checkpoints;
        for (&change, &count) in &other.interrupted {
            *self.interrupted.entry(change).or_default() += count;
        }
    }

    /// Prints the counts of a run that found no violation.
    pub(crate) fn print(&self, run: &str, seed: u64, took: Duration) {
        println!(
            "{run}: {self}; 0 violations; seed {seed}; {}.{:01} s",
            took.as_secs(),
            took.subsec_millis() / 100
        );
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, acknowledged, unknown, refused, reads, checkpoints, interrupted } = self;
        write!(
            f,
            "{faults} faults; changes: {acknowledged} acknowledged, {unknown} of unknown outcome, \
             {refused} refused; {reads} reads"
        )?;
        if *checkpoints > 0 {
            write!(f, "; {checkpoints} checkpoints of scans")?;
        }
        if !interrupted.is_empty() {
            let each = interrupted.iter().map(|(change, count)| format!("{change:?} {count}"));
            write!(f, "; interrupted calls: {}", each.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// A broken promise of the store.
#[derive(Clone, Debug)]
pub(crate) struct Violation(String);

impl Violation {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Adds the path of the storage, which is kept for inspection.
    pub(crate) fn with_data(self, path: &Path) -> Self {
        Self(format!("{}\ndata: {}", self.0, path.display()))
    }

    /// Adds the circumstances of the violation.
    pub(crate) fn with_context(self, context: &str) -> Self {
        Self(format!("{}\nin {context}", self.0))
    }

    /// Returns the violation without its details.
    pub(crate) fn first_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// Returns the violation for a failed call that had to succeed.
    pub(crate) fn failed(call: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self(format!("{call} failed: {}", error_chain(error)))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
