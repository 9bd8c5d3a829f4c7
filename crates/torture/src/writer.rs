//! A writer makes random changes and reads of the targets of a round (logs, traces and pods). It
//! records each call in the history of the target.

use std::sync::atomic::Ordering::SeqCst;

use session_store::{LogEntry, Store, StoreError};
use session_store_conformance::{Effect, Operation, Random};

use crate::report::Violation;
use crate::round::{Progress, Round};
use crate::target::{Change, Kind, Target, operation};

/// The sizes of the text that fills an entry. No size is a multiple of a page. A kill never tears a
/// write that ends at a page boundary, so such a size would not test torn entries.
const SIZES: [usize; 10] = [0, 1, 13, 31, 257, 257, 701, 4_093, 16_381, 40_961];

/// The smallest size of the text that fills a large entry, and the range of sizes above it. A file
/// store keeps a checkpoint of its scan after each MiB of a log, so a log of large entries soon has
/// a checkpoint.
const LARGE: usize = 100_001;
const LARGE_RANGE: usize = 200_000;

/// The rules for the writers of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether a writer ends at the first call of unknown outcome. This is right for faults that
    /// kill the process of the writer.
    pub(crate) ends_when_unknown: bool,
    /// Whether a call may fail and change nothing.
    pub(crate) can_be_refused: bool,
    /// Whether an interrupted batch can be stored in part.
    pub(crate) in_parts: bool,
    /// Whether a change counts as acknowledged only after a `sync`.
    pub(crate) syncs: bool,
    /// Whether some logs have large entries.
    pub(crate) has_large_logs: bool,
    /// Whether the writer only reads the targets of the first writer.
    pub(crate) only_reads: bool,
}

/// One writer.
pub(crate) struct Writer<'a, S: ?Sized> {
    store: &'a S,
    round: &'a Round,
    number: usize,
    rules: Rules,
    random: Random,
    entries: usize,
}

impl<'a, S: Store + ?Sized> Writer<'a, S> {
    pub(crate) fn new(
        store: &'a S,
        round: &'a Round,
        number: usize,
        rules: Rules,
        random: Random,
    ) -> Self {
        Self { store, round, number, rules, random, entries: 0 }
    }

    /// Makes at most this number of calls. Ends earlier when the round is over.
    pub(crate) fn run(mut self, calls: usize) {
        let round = self.round;
        for _ in 0..calls {
            if round.is_over() || !self.call() {
                break;
            }
        }
        self.progress().ended.store(true, SeqCst);
    }

    /// Makes one change.
    pub(crate) fn make(&mut self, target: &Target, change: Change) {
        let entries = self.entries_for(target, change);
        self.change(target, change, &entries);
    }

    fn progress(&self) -> &'a Progress {
        &self.round.progress[self.number]
    }

    /// Makes one call. Returns whether the writer can continue.
    fn call(&mut self) -> bool {
        let only_reads = self.rules.only_reads;
        let writer = if only_reads { 0 } else { self.number };
        let target = self.round.target_of(writer, self.random.below(8));
        let chance = self.random.below(32);
        if only_reads || chance < 2 {
            self.starts(false);
            return self.read(target);
        }
        let change = self.choose(target.kind, chance);
        let entries = self.entries_for(target, change);
        self.starts(change.rewrites());
        self.change(target, change, &entries)
    }

    fn starts(&self, rewrites: bool) {
        let progress = self.progress();
        progress.rewrites.store(rewrites, SeqCst);
        progress.calls.fetch_add(1, SeqCst);
    }

    fn choose(&mut self, kind: Kind, chance: usize) -> Change {
        let appends = chance < 20;
        let all = Change::of(kind).iter().copied();
        let some: Vec<_> = all.filter(|change| change.rewrites() != appends).collect();
        match some[..] {
            [] => Change::of(kind)[self.random.below(Change::of(kind).len())],
            _ => some[self.random.below(some.len())],
        }
    }

    fn entries_for(&mut self, target: &Target, change: Change) -> Vec<LogEntry> {
        let count = match change {
            Change::AppendAll => 2 + self.random.below(5),
            Change::Truncate => self.random.below(12),
            _ => 1,
        };
        let is_large = self.rules.has_large_logs && target.is_large;
        (0..count).map(|_| self.entry(is_large)).collect()
    }

    /// Returns an entry that differs from every other entry of the run.
    fn entry(&mut self, is_large: bool) -> LogEntry {
        self.entries += 1;
        let size = match is_large {
            true => LARGE + self.random.below(LARGE_RANGE),
            false => SIZES[self.random.below(SIZES.len())],
        };
        let filling = "x".repeat(size);
        let (round, writer, n) = (self.round.number, self.number, self.entries);
        let text =
            format!(r#"{{"round":{round},"writer":{writer},"n":{n},"filling":"{filling}"}}"#);
        LogEntry::from_json(text).expect("the text is an object")
    }

    fn change(&mut self, target: &Target, change: Change, entries: &[LogEntry]) -> bool {
        let started = target.history.start();
        let can_be_refused = self.can_be_refused();
        let mut result = target.change(self.store, change, entries);
        if self.rules.syncs && result.is_ok() {
            result = self.store.sync();
        }
        let effect = self.effect(change, &result);
        if let Some(operation) = operation(change, entries, self.rules.in_parts) {
            let (operation, effect) = match (&result, operation) {
                (
                    Err(StoreError::Partial { appended, source }),
                    Operation::AppendInParts(entries),
                ) if !source.is_indeterminate() && effect == Effect::Refused => {
                    let stored = entries[..*appended].to_vec();
                    (Operation::AppendInParts(stored), Effect::Applied)
                }
                (_, operation) => (operation, effect),
            };
            target.history.record(operation, effect, started);
        }
        self.count(change, effect);
        match effect {
            Effect::Applied => drop(self.progress().acknowledged.fetch_add(1, SeqCst)),
            Effect::Refused => self.judge_refusal(change, result, can_be_refused),
            Effect::Unknown | Effect::Interrupted => {}
        }
        effect != Effect::Unknown || !self.rules.ends_when_unknown
    }

    /// Returns whether a call that starts now may fail and change nothing.
    fn can_be_refused(&self) -> bool {
        self.rules.can_be_refused && !self.round.has_room_again.load(SeqCst)
    }

    fn effect(&self, change: Change, result: &Result<(), StoreError>) -> Effect {
        if self.round.power_is_off.load(SeqCst) {
            return Effect::Unknown;
        }
        let effect = Effect::of(result);
        // A repair changes no entry and is not in the history, so an unknown outcome of a repair
        // does not matter.
        if change == Change::Repair && effect == Effect::Unknown && !self.rules.ends_when_unknown {
            return Effect::Refused;
        }
        effect
    }

    fn count(&self, change: Change, effect: Effect) {
        self.round.count(|tally| match effect {
            Effect::Applied => tally.acknowledged += 1,
            Effect::Refused => tally.refused += 1,
            Effect::Unknown | Effect::Interrupted => {
                tally.unknown += 1;
                if self.rules.ends_when_unknown {
                    *tally.interrupted.entry(change).or_default() += 1;
                }
            }
        });
    }

    /// Reports a refused change as a violation, unless there is a valid reason for the refusal.
    /// Valid reasons are a conflict, a truncation past the end or of a missing log, and a transient
    /// error of a repair.
    fn judge_refusal(&self, change: Change, result: Result<(), StoreError>, can_be_refused: bool) {
        let Err(error) = result else { return };
        let has_reason = match change {
            Change::Truncate => matches!(error, StoreError::Corrupt { .. }) || error.is_not_found(),
            Change::AppendIf => error.is_conflict(),
            // A failed repair can be repeated after a restart of the server.
            Change::Repair => error.is_transient(),
            _ => false,
        };
        if has_reason {
            return;
        }
        self.progress().refused.fetch_add(1, SeqCst);
        if !can_be_refused {
            self.round.violated(Violation::failed(&format!("{change:?}"), &error));
        }
    }

    fn read(&self, target: &Target) -> bool {
        let started = target.history.start();
        let can_be_refused = self.can_be_refused();
        let found = target.read(self.store);
        if self.round.power_is_off.load(SeqCst) {
            return false;
        }
        match found {
            Ok(found) => {
                target.history.record(Operation::Read(found), Effect::Applied, started);
                self.round.count(|tally| tally.reads += 1);
                true
            }
            Err(error) if error.is_indeterminate() => !self.rules.ends_when_unknown,
            Err(error) => {
                if !can_be_refused {
                    self.round.violated(Violation::failed("read", &error));
                }
                true
            }
        }
    }
}
