//! Copying and comparing pods.

use std::collections::BTreeSet;

use session_store_core::{Pod, PodName, PodStore};

use crate::side::Pair;
use crate::{Comparison, Difference, Failure, Gap, Selection, Side};

/// What was done about one pod of the source.
#[derive(Debug)]
#[non_exhaustive]
pub struct PodCopy {
    /// The pod.
    pub name: PodName,
    /// What became of it.
    pub outcome: PodOutcome,
}

/// What became of a pod of the source.
#[derive(Debug)]
pub enum PodOutcome {
    /// The destination had none of that name; now it has.
    Copied,
    /// The destination had the same already, byte for byte.
    Equal,
    /// The destination has another one of that name, which stays.
    Conflict(Difference),
    /// One side failed.
    Failed(Failure),
}

impl PodCopy {
    /// Whether the destination has the same pod.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.outcome, PodOutcome::Copied | PodOutcome::Equal)
    }
}

/// One pod of either side, compared.
#[derive(Debug)]
#[non_exhaustive]
pub struct PodComparison {
    /// The pod.
    pub name: PodName,
    /// A pod counts as one entry.
    pub outcome: Comparison,
}

/// The pods of both sides, as far as each keeps any.
pub(crate) struct Pods<'a> {
    pair: Pair<'a>,
    selection: &'a Selection,
}

impl<'a> Pods<'a> {
    pub(crate) fn new(pair: Pair<'a>, selection: &'a Selection) -> Self {
        Self { pair, selection }
    }

    /// Copies the pods of the source; a destination that keeps none is a gap if there are any.
    pub(crate) fn copy(&self) -> Result<(Vec<PodCopy>, Option<Gap>), Failure> {
        let names = self.names(Side::Source)?;
        let Some(to) = self.pair.destination.pods() else {
            let gap = (!names.is_empty()).then_some(Gap::Pods(Side::Destination));
            return Ok((Vec::new(), gap));
        };
        let copy = |name: PodName| {
            let outcome = self
                .copy_one(&name, to)
                .unwrap_or_else(|failure| Some(PodOutcome::Failed(failure)))?;
            Some(PodCopy { name, outcome })
        };
        Ok((names.into_iter().filter_map(copy).collect(), None))
    }

    /// `None` for a pod that was deleted since it was listed.
    fn copy_one(&self, name: &PodName, to: &dyn PodStore) -> Result<Option<PodOutcome>, Failure> {
        let Some(pod) = self.read(Side::Source, name)? else {
            return Ok(None);
        };
        let Some(there) = self.read(Side::Destination, name)? else {
            let failed = Failure::of(Side::Destination, format!("put pod {name}"));
            return to.put_pod(name, &pod).map(|()| Some(PodOutcome::Copied)).map_err(failed);
        };
        let difference = Difference::between(1, pod.as_json(), there.as_json());
        Ok(Some(difference.map_or(PodOutcome::Equal, PodOutcome::Conflict)))
    }

    /// Compares the pods of the source, and those that only the destination has if `both_ways`.
    pub(crate) fn compare(
        &self,
        both_ways: bool,
    ) -> Result<(Vec<PodComparison>, Option<Gap>), Failure> {
        let mut names = self.names(Side::Source)?;
        let others = if both_ways { self.names(Side::Destination)? } else { BTreeSet::new() };
        for (side, pods) in [(Side::Source, &others), (Side::Destination, &names)] {
            if self.pair.store(side).pods().is_none() && !pods.is_empty() {
                return Ok((Vec::new(), Some(Gap::Pods(side))));
            }
        }
        names.extend(others);
        let compare = |name: PodName| {
            let outcome = self
                .compare_one(&name)
                .unwrap_or_else(|failure| Some(Comparison::Failed(failure)))?;
            Some(PodComparison { name, outcome })
        };
        Ok((names.into_iter().filter_map(compare).collect(), None))
    }

    /// `None` for a pod that was deleted on both sides since it was listed.
    fn compare_one(&self, name: &PodName) -> Result<Option<Comparison>, Failure> {
        let source = self.read(Side::Source, name)?;
        let destination = self.read(Side::Destination, name)?;
        Ok(match (source, destination) {
            (None, None) => None,
            (Some(_), None) => Some(Comparison::OnlyIn(Side::Source)),
            (None, Some(_)) => Some(Comparison::OnlyIn(Side::Destination)),
            (Some(a), Some(b)) => Some(compare_texts(a.as_json(), b.as_json())),
        })
    }

    /// The names of the selected pods of one side. A pod that cannot be read is kept in, to be reported.
    fn names(&self, side: Side) -> Result<BTreeSet<PodName>, Failure> {
        let Some(pods) = self.pair.store(side).pods() else {
            return Ok(BTreeSet::new());
        };
        let names = pods.list_pods().map_err(Failure::of(side, "list the pods"))?;
        if self.selection.sessions.is_none() {
            return Ok(names.into_iter().collect());
        }
        let selected = |name: &PodName| match self.read(side, name) {
            Ok(pod) => pod.is_some_and(|pod| self.selection.has_pod(&pod)),
            Err(_) => true,
        };
        Ok(names.into_iter().filter(selected).collect())
    }

    fn read(&self, side: Side, name: &PodName) -> Result<Option<Pod>, Failure> {
        match self.pair.store(side).pods() {
            Some(pods) => {
                pods.read_pod(name).map_err(Failure::of(side, format!("read pod {name}")))
            }
            None => Ok(None),
        }
    }
}

fn compare_texts(source: &str, destination: &str) -> Comparison {
    match Difference::between(1, source, destination) {
        Some(difference) => Comparison::Differs(difference),
        None => Comparison::Equal { entries: 1, bytes: source.len() as u64 },
    }
}
