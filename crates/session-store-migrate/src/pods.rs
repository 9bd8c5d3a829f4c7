//! Copying and comparing pods.

use std::collections::{BTreeMap, BTreeSet};

use session_store_core::{Pod, PodName, PodStore, SessionId};

use crate::select::points_to;
use crate::side::Pair;
use crate::target::Rights;
use crate::{Comparison, Difference, Digest, Failure, Gap, OnConflict, Side};

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
#[non_exhaustive]
pub enum PodOutcome {
    /// The destination had none of that name, or an earlier state of it that both sides shared in this run;
    /// now it has this one.
    Copied,
    /// The destination had the same already, byte for byte.
    Equal,
    /// The destination had another one of that name, which was replaced as the options say.
    Replaced(Difference),
    /// The destination has another one of that name, which stays.
    Conflict(Difference),
    /// The source has deleted it since it was copied; the destination keeps it.
    Deleted,
    /// One side failed.
    Failed(Failure),
}

impl PodCopy {
    /// Whether the destination has the same pod.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        !matches!(self.outcome, PodOutcome::Conflict(_) | PodOutcome::Failed(_))
    }

    /// Whether the destination has another one of that name, and keeps it.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self.outcome, PodOutcome::Conflict(_))
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
    pub(crate) pair: Pair<'a>,
    /// The sessions that they must point to; `None` is any, or none.
    pub(crate) of_sessions: Option<BTreeSet<SessionId>>,
}

/// The pods of the source that a run has seen, and what both sides had of each when it was last done.
#[derive(Default)]
pub(crate) struct CopiedPods(BTreeMap<PodName, (PodOutcome, Option<Digest>)>);

impl CopiedPods {
    pub(crate) fn into_copies(self) -> Vec<PodCopy> {
        self.0.into_iter().map(|(name, (outcome, _))| PodCopy { name, outcome }).collect()
    }

    fn shared(&self, name: &PodName) -> Option<Digest> {
        self.0.get(name).and_then(|(_, shared)| *shared)
    }

    /// What was done before is not forgotten because there is nothing to do now.
    fn set(&mut self, name: PodName, outcome: PodOutcome, shared: Option<Digest>) {
        let known = self.0.entry(name).or_insert((PodOutcome::Equal, None));
        if !matches!(
            (&outcome, &known.0),
            (PodOutcome::Equal, PodOutcome::Copied | PodOutcome::Replaced(_))
        ) {
            known.0 = outcome;
        }
        known.1 = shared;
    }

    fn drop_absent(&mut self, names: &BTreeSet<PodName>) {
        let absent = self.0.iter_mut().filter(|(name, _)| !names.contains(name));
        absent.for_each(|(_, known)| known.0 = PodOutcome::Deleted);
    }
}

impl Pods<'_> {
    /// Copies the pods of the source, and says whether there were any to copy; a destination that keeps none
    /// is a gap if there are any at all.
    pub(crate) fn copy(
        &self,
        rights: Rights,
        copied: &mut CopiedPods,
    ) -> Result<(bool, Option<Gap>), Failure> {
        let names = self.names(Side::Source)?;
        let Some(to) = self.pair.destination.pods() else {
            return Ok((false, (!names.is_empty()).then_some(Gap::Pods(Side::Destination))));
        };
        copied.drop_absent(&names);
        let mut moved = false;
        for name in names {
            let shared = copied.shared(&name);
            match self.copy_one(&name, to, rights, shared) {
                Ok(Some((outcome, shared))) => {
                    moved |= matches!(outcome, PodOutcome::Copied | PodOutcome::Replaced(_));
                    copied.set(name, outcome, shared);
                }
                Ok(None) => {}
                Err(failure) => copied.set(name, PodOutcome::Failed(failure), shared),
            }
        }
        Ok((moved, None))
    }

    /// `None` for a pod that was deleted since it was listed; else the outcome, and the hash of what both
    /// sides have now. What both sides had before may be replaced by what the source has now.
    fn copy_one(
        &self,
        name: &PodName,
        to: &dyn PodStore,
        rights: Rights,
        shared: Option<Digest>,
    ) -> Result<Option<(PodOutcome, Option<Digest>)>, Failure> {
        let Some(pod) = self.read(Side::Source, name)? else {
            return Ok(None);
        };
        let there = self.read(Side::Destination, name)?;
        let outcome = match there {
            None => PodOutcome::Copied,
            Some(there) => match Difference::between(1, pod.as_json(), there.as_json()) {
                None => PodOutcome::Equal,
                Some(_) if shared == Some(digest(&there)) => PodOutcome::Copied,
                Some(found) if rights.on_conflict == OnConflict::Replace => {
                    PodOutcome::Replaced(found)
                }
                Some(found) => return Ok(Some((PodOutcome::Conflict(found), None))),
            },
        };
        if !rights.dry && !matches!(outcome, PodOutcome::Equal) {
            let failed = Failure::of(Side::Destination, format!("put pod {name}"));
            to.put_pod(name, &pod).map_err(failed)?;
        }
        Ok(Some((outcome, Some(digest(&pod)))))
    }

    /// Compares the pods of both sides.
    pub(crate) fn compare(&self) -> Result<(Vec<PodComparison>, Option<Gap>), Failure> {
        let mut names = self.names(Side::Source)?;
        let others = self.names(Side::Destination)?;
        for (side, pods) in [(Side::Source, &others), (Side::Destination, &names)] {
            if self.pair.store(side).pods().is_none() && !pods.is_empty() {
                return Ok((Vec::new(), Some(Gap::Pods(side))));
            }
        }
        names.extend(others);
        Ok((self.compare_all(names), None))
    }

    /// Compares pods of these names, those aside that neither side has any more.
    pub(crate) fn compare_all(
        &self,
        names: impl IntoIterator<Item = PodName>,
    ) -> Vec<PodComparison> {
        let compare = |name: PodName| {
            let outcome = self
                .compare_one(&name)
                .unwrap_or_else(|failure| Some(Comparison::Failed(failure)))?;
            Some(PodComparison { name, outcome })
        };
        names.into_iter().filter_map(compare).collect()
    }

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
        let Some(sessions) = &self.of_sessions else {
            return Ok(names.into_iter().collect());
        };
        let selected = |name: &PodName| match self.read(side, name) {
            Ok(pod) => pod.is_some_and(|pod| points_to(&pod, sessions)),
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

fn digest(pod: &Pod) -> Digest {
    Digest::of(pod.as_json().as_bytes())
}

fn compare_texts(source: &str, destination: &str) -> Comparison {
    match Difference::between(1, source, destination) {
        Some(difference) => Comparison::Differs(difference),
        None => Comparison::Equal {
            entries: 1,
            bytes: source.len() as u64,
            hash: Digest::of(source.as_bytes()),
        },
    }
}
