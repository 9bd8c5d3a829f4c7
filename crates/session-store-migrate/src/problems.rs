//! The sentences that describe the incomplete or unequal parts of a report.

use session_store_core::{Finding, error_chain};

use crate::comparison::{Comparison, SegmentComparison, VerifyReport};
use crate::report::{MigrateReport, PodCopy, PodOutcome, SegmentCopy};
use crate::side::{Gap, Side};

/// The words before the name of a segment in a sentence about the segment's trace.
const TRACE_OF: &str = "the trace of ";

impl MigrateReport {
    /// Returns a sentence for each part that was not copied or not verified.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        let segments = self.segments.iter().flat_map(|copy| self.segment_problems(copy));
        let pods = self.pods.iter().filter_map(|pod| self.pod_problem(pod));
        let gaps = self.gaps.iter().map(Gap::to_string);
        let failures = self.failures.iter().chain(&self.sync_failure);
        let left_behind = self.findings.iter().filter(|finding| finding.is_left_behind());
        let unverified = self.proof.iter().flat_map(VerifyReport::differences);
        segments
            .chain(pods)
            .chain(gaps)
            .chain(failures.map(|failure| error_chain(failure)))
            .chain(unverified.map(|difference| format!("not verified: {difference}")))
            .chain(left_behind.map(|finding| format!("not copied: {finding}")))
    }

    /// Returns the findings of the source's own check, except those that make the copy incomplete.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.findings.iter().filter(|finding| !finding.is_left_behind()).map(Finding::to_string)
    }

    fn segment_problems<'a>(&self, copy: &'a SegmentCopy) -> impl Iterator<Item = String> + 'a {
        let skipped = if self.is_skipped(copy) { "skipped: " } else { "" };
        let key = copy.key;
        let trace = copy.trace.as_ref().and_then(|trace| trace.stopped.as_deref());
        let parts = [("", copy.log.stopped.as_deref()), (TRACE_OF, trace)];
        parts.into_iter().filter_map(move |(part, stop)| {
            Some(format!("{part}{key}: {skipped}{}", error_chain(stop?)))
        })
    }

    /// Returns the reason why a pod was not copied, or `None` if the pod was copied.
    pub(crate) fn pod_problem(&self, pod: &PodCopy) -> Option<String> {
        let skipped = if self.is_skipped_pod(pod) { "skipped: " } else { "" };
        match &pod.outcome {
            PodOutcome::Conflict(difference) => {
                Some(format!("pod {}: {skipped}conflict: {difference}", pod.name))
            }
            PodOutcome::Failed(failure) => {
                Some(format!("pod {}: {}", pod.name, error_chain(failure)))
            }
            _ => None,
        }
    }
}

impl VerifyReport {
    /// Returns a sentence for each segment, trace and pod that is not equal, and for each gap.
    pub fn differences(&self) -> impl Iterator<Item = String> {
        let segments = self.segments.iter().flat_map(|segment| self.segment_differences(segment));
        let pods = self.pods.iter().filter_map(|pod| {
            Some(format!("pod {}: {}", pod.name, self.difference(&pod.outcome)?))
        });
        let gaps = self.gaps.iter().map(|gap| match gap {
            Gap::Traces(side) => format!("traces: {} cannot read them back", self.name(*side)),
            Gap::Pods(side) => format!("pods: {} does not store any", self.name(*side)),
        });
        let findings = self.findings.iter().filter(|(_, finding)| finding.is_left_behind());
        let findings = findings
            .map(|(side, finding)| format!("not compared: in {}: {finding}", self.name(*side)));
        segments.chain(pods).chain(gaps).chain(findings)
    }

    /// Returns the findings of the stores' own checks, except those that make the comparison
    /// incomplete.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let others = self.findings.iter().filter(|(_, finding)| !finding.is_left_behind());
        others.map(|(side, finding)| format!("in {}: {finding}", self.name(*side)))
    }

    fn segment_differences(&self, segment: &SegmentComparison) -> impl Iterator<Item = String> {
        let key = segment.key;
        let parts = [("", Some(&segment.log)), (TRACE_OF, segment.trace.as_deref())];
        parts.into_iter().filter_map(move |(part, outcome)| {
            Some(format!("{part}{key}: {}", self.difference(outcome?)?))
        })
    }

    /// Returns a phrase about one comparison, or `None` if both sides are equal.
    pub(crate) fn difference(&self, outcome: &Comparison) -> Option<String> {
        match outcome {
            Comparison::Equal { .. } => None,
            Comparison::OnlyIn(side) => Some(format!("only in {}", self.name(*side))),
            Comparison::Failed(failure) => {
                let cause = error_chain(failure.source.as_ref());
                Some(format!("{} cannot be read: {cause}", self.name(failure.side)))
            }
            Comparison::Differs(difference) => Some(difference.describe(&self.names)),
            Comparison::Aborted => Some("not compared: all earlier segments failed".to_owned()),
        }
    }

    fn name(&self, side: Side) -> &str {
        &self.names[side as usize]
    }
}
