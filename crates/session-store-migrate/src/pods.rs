//! Copies and compares pods: named agents, each with a pointer to its active session and segment.

use std::collections::{BTreeMap, BTreeSet};

use session_store_core::{Pod, PodName, PodStore, SessionId, StoreError};

use crate::comparison::{Comparison, Difference, PodComparison};
use crate::digest::Digest;
use crate::error::Failure;
use crate::options::OnConflict;
use crate::options::WritePolicy;
use crate::pair::Pair;
use crate::report::{PodCopy, PodOutcome};
use crate::select::points_to;
use crate::side::{Gap, Side};

/// The maximum number of attempts to put one pod. An attempt fails if another writer changes the
/// pod at the same time.
const ROUNDS: usize = 5;

/// The selected pods of both stores.
pub(crate) struct Pods<'a> {
    pub(crate) pair: Pair<'a>,
    /// The sessions of the selected pods: a pod is selected if it points to one of these sessions.
    /// `None` if every pod is selected.
    pub(crate) of_sessions: Option<BTreeSet<SessionId>>,
}

/// The pods of the source that a run has seen.
#[derive(Default)]
pub(crate) struct CopiedPods(BTreeMap<PodName, CopiedPod>);

struct CopiedPod {
    outcome: PodOutcome,
    /// The hash of the version that both stores had after the last visit. `None` if the stores had
    /// different versions then.
    shared: Option<Digest>,
}

impl CopiedPods {
    pub(crate) fn into_copies(self) -> Vec<PodCopy> {
        self.0.into_iter().map(|(name, pod)| PodCopy { name, outcome: pod.outcome }).collect()
    }

    fn shared(&self, name: &PodName) -> Option<Digest> {
        self.0.get(name).and_then(|pod| pod.shared)
    }

    /// Records the result of a visit.
    ///
    /// If a later visit finds the pod equal, the earlier result `Copied` or `Replaced` is kept,
    /// because the report describes the whole run.
    fn set(&mut self, name: PodName, outcome: PodOutcome, shared: Option<Digest>) {
        let pod = CopiedPod { outcome: PodOutcome::Equal, shared: None };
        let known = self.0.entry(name).or_insert(pod);
        if !matches!(
            (&outcome, &known.outcome),
            (PodOutcome::Equal, PodOutcome::Copied | PodOutcome::Replaced(_))
        ) {
            known.outcome = outcome;
        }
        known.shared = shared;
    }

    /// Marks the recorded pods that are not in `names` as deleted. `names` are the pods that the
    /// source has now.
    fn mark_deleted(&mut self, names: &BTreeSet<PodName>) {
        let deleted = self.0.iter_mut().filter(|(name, _)| !names.contains(name));
        deleted.for_each(|(_, pod)| pod.outcome = PodOutcome::Deleted);
    }
}

impl Pods<'_> {
    /// Copies the pods of the source. Returns whether any pod of the destination changed. Also
    /// returns a gap if the source has pods and the destination cannot store pods.
    pub(crate) fn copy(
        &self,
        policy: WritePolicy,
        copied: &mut CopiedPods,
    ) -> Result<(bool, Option<Gap>), Failure> {
        let names = self.names(Side::Source)?;
        let Some(to) = self.pair.destination.pods() else {
            return Ok((false, (!names.is_empty()).then_some(Gap::Pods(Side::Destination))));
        };
        copied.mark_deleted(&names);
        let mut changed = false;
        for name in names {
            let shared = copied.shared(&name);
            match self.copy_one(&name, to, policy, shared) {
                Ok(Some((outcome, shared))) => {
                    changed |= matches!(outcome, PodOutcome::Copied | PodOutcome::Replaced(_));
                    copied.set(name, outcome, shared);
                }
                Ok(None) => {}
                Err(failure) => copied.set(name, PodOutcome::Failed(failure), shared),
            }
        }
        Ok((changed, None))
    }

    /// Copies one pod. Returns the result, and the hash of the pod if both stores have the same
    /// version now. Returns `None` if the pod was deleted after it was listed.
    ///
    /// `shared` is the hash of the version that both stores had at the last visit. If the
    /// destination still has that version, only the source has changed the pod since then. So the
    /// destination's pod may be replaced.
    fn copy_one(
        &self,
        name: &PodName,
        to: &dyn PodStore,
        policy: WritePolicy,
        shared: Option<Digest>,
    ) -> Result<Option<(PodOutcome, Option<Digest>)>, Failure> {
        let mut rounds = ROUNDS;
        loop {
            let Some(pod) = self.read(Side::Source, name)? else {
                return Ok(None);
            };
            let stored = self.read(Side::Destination, name)?;
            let outcome = match &stored {
                None => PodOutcome::Copied,
                Some(stored) => match Difference::between(1, pod.as_json(), stored.as_json()) {
                    None => PodOutcome::Equal,
                    Some(_) if shared == Some(digest(stored)) => PodOutcome::Copied,
                    Some(found) if policy.on_conflict == OnConflict::Replace => {
                        PodOutcome::Replaced(found)
                    }
                    Some(found) => return Ok(Some((PodOutcome::Conflict(found), None))),
                },
            };
            if policy.dry_run || matches!(outcome, PodOutcome::Equal) {
                return Ok(Some((outcome, Some(digest(&pod)))));
            }
            rounds -= 1;
            match put_if_unchanged(to, name, stored.as_ref(), &pod) {
                Ok(()) => return Ok(Some((outcome, Some(digest(&pod))))),
                // Another writer changed the pod after the read. Compare the pod again.
                Err(StoreError::PodConflict { .. }) if rounds > 0 => {}
                Err(error) => {
                    return Err(Failure::of(Side::Destination, format!("put pod {name}"))(error));
                }
            }
        }
    }

    /// Compares the pods of both sides.
    pub(crate) fn compare(&self) -> Result<(Vec<PodComparison>, Option<Gap>), Failure> {
        let mut names = self.names(Side::Source)?;
        let others = self.names(Side::Destination)?;
        // A store that does not support pods is a gap only if the other store has pods.
        for (side, pods) in [(Side::Source, &others), (Side::Destination, &names)] {
            if self.pair.store(side).pods().is_none() && !pods.is_empty() {
                return Ok((Vec::new(), Some(Gap::Pods(side))));
            }
        }
        names.extend(others);
        Ok((self.compare_all(names), None))
    }

    /// Compares the pods of these names. Leaves out a pod that neither store has any longer.
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

    /// Returns the names of the selected pods of one store.
    ///
    /// A pod that cannot be read counts as selected. The report then shows the error.
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

/// Puts a pod if the stored pod has not changed since the comparison.
///
/// A store without [`Capability::ConditionalPut`](session_store_core::Capability::ConditionalPut)
/// cannot check whether the pod has changed. In such a store, the put overwrites a change that
/// another writer has made after the comparison.
fn put_if_unchanged(
    pods: &dyn PodStore,
    name: &PodName,
    compared: Option<&Pod>,
    pod: &Pod,
) -> Result<(), StoreError> {
    match pods.put_pod_if(name, compared, pod) {
        Err(StoreError::Unsupported { .. }) => pods.put_pod(name, pod),
        result => result,
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
