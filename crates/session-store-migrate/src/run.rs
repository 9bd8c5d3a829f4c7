//! A migration before its proof: passes over all that the source has.

use std::collections::BTreeMap;

use crate::copy::{Copier, SegmentCopy};
use crate::gate::Gate;
use crate::inventory::{self, Key, Presence};
use crate::jobs::side_by_side;
use crate::patience::Patience;
use crate::pods::{CopiedPods, Pods};
use crate::progress::Tally;
use crate::side::{Pair, sync};
use crate::target::Rights;
use crate::{Failure, Gap, MigrateOptions, MigrateReport, Phase, Progress, Stop};

type Report<'r> = &'r mut dyn FnMut(Progress<'_>);

pub(crate) struct Run<'a> {
    pair: Pair<'a>,
    options: &'a MigrateOptions,
    gate: Gate,
    trace_gaps: Vec<Gap>,
    pod_gap: Option<Gap>,
    /// Ascending by their keys. They stay where they are while jobs work on them: there may be many.
    copies: Vec<SegmentCopy>,
    pods: CopiedPods,
    /// What failed in the last pass.
    troubles: Vec<Failure>,
    moved: bool,
}

/// A segment, and whether anything was done about it in this pass.
type Visited<'c> = (&'c mut SegmentCopy, bool);

impl<'a> Run<'a> {
    pub(crate) fn new(pair: Pair<'a>, options: &'a MigrateOptions) -> Self {
        let traces = options.selection.traces;
        Self {
            pair,
            options,
            gate: Gate::new(options.jobs.get()),
            trace_gaps: if traces { pair.trace_gaps() } else { Vec::new() },
            pod_gap: None,
            copies: Vec::new(),
            pods: CopiedPods::default(),
            troubles: Vec::new(),
            moved: false,
        }
    }

    /// Whether the last pass found anything to do. After the first one, which had all to do, only another
    /// look tells whether the source has moved: sessions begin without anything else changing.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved
    }

    /// Whether a store failed for so long that segments were left untried.
    pub(crate) fn has_given_up(&self) -> bool {
        let is_given_up = |stop: &Stop| matches!(stop, Stop::GivenUp);
        self.copies.iter().flat_map(SegmentCopy::stops).any(is_given_up)
    }

    /// Copies all that was listed, and the pods.
    pub(crate) fn first_pass(&mut self, keys: BTreeMap<Key, Presence>, progress: Report<'_>) {
        self.visit(keys, Phase::Copy, progress);
    }

    /// Looks at everything again, and copies what has moved and what is new.
    pub(crate) fn pass(&mut self, progress: Report<'_>) {
        self.moved = false;
        match inventory::of_source(self.pair.source, &self.options.selection) {
            Ok(keys) => self.visit(keys, Phase::CatchUp, progress),
            Err(failure) => {
                progress(Progress::Troubled(&failure));
                self.troubles = vec![failure];
            }
        }
    }

    /// After the last pass.
    pub(crate) fn into_report(self) -> MigrateReport {
        let synced = if self.options.dry_run { Ok(()) } else { sync(self.pair.destination) };
        MigrateReport {
            unsynced: synced.err(),
            segments: self.copies,
            pods: self.pods.into_copies(),
            gaps: self.trace_gaps.into_iter().chain(self.pod_gap).collect(),
            troubles: self.troubles,
            on_conflict: self.options.on_conflict,
            proof: None,
        }
    }

    fn visit(&mut self, mut keys: BTreeMap<Key, Presence>, phase: Phase, progress: Report<'_>) {
        self.troubles.clear();
        self.options.selection.retain_since(&mut keys);
        let of_sessions = self.options.selection.pods_of(&keys);
        self.copy_segments(keys, phase, progress);
        if self.options.selection.pods {
            let pods = Pods { pair: self.pair, of_sessions };
            match pods.copy(self.rights(), &mut self.pods) {
                // A pod may point to a session that began after the sessions were listed.
                Ok((moved, gap)) => {
                    self.moved |= moved;
                    self.pod_gap = gap;
                }
                Err(failure) => {
                    progress(Progress::Troubled(&failure));
                    self.troubles.push(failure);
                }
            }
        }
    }

    fn copy_segments(&mut self, keys: BTreeMap<Key, Presence>, phase: Phase, progress: Report<'_>) {
        progress(Progress::Begin { phase, segments: keys.len() });
        self.take_in(keys);
        let patience = Patience::new(self.options.patience);
        let copier = Copier {
            pair: self.pair,
            gate: &self.gate,
            rights: self.rights(),
            with_traces: self.options.selection.traces && self.trace_gaps.is_empty(),
        };
        let there = self.copies.iter_mut().filter(|copy| !copy.moved.deleted).collect();
        let moved = &mut self.moved;
        let work = |copy, tally: &mut Tally<'_, _>| visit(&copier, &patience, copy, tally);
        side_by_side(self.options.jobs.get(), there, work, progress, |(copy, done), progress| {
            if done {
                progress(Progress::Copied(copy));
            }
            *moved |= done;
        });
    }

    /// Makes room for what is new, and marks what is gone.
    fn take_in(&mut self, mut keys: BTreeMap<Key, Presence>) {
        for copy in &mut self.copies {
            copy.moved.deleted = keys.remove(&copy.key()).is_none();
        }
        self.copies.reserve_exact(keys.len());
        self.copies.extend(keys.into_keys().map(SegmentCopy::new));
        self.copies.sort_unstable_by_key(SegmentCopy::key);
    }

    fn rights(&self) -> Rights {
        Rights { on_conflict: self.options.on_conflict, dry: self.options.dry_run }
    }
}

fn visit<'c>(
    copier: &Copier<'_>,
    patience: &Patience,
    copy: &'c mut SegmentCopy,
    tally: &mut Tally<'_, Visited<'c>>,
) -> Visited<'c> {
    if patience.is_over() {
        let given_up = copy.give_up();
        return (copy, given_up);
    }
    let done = copier.visit(copy, tally);
    patience.note(copy.errors());
    (copy, done)
}
