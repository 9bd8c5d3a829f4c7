//! The progress of a command on standard error: a bar on a terminal, and otherwise a line every 10
//! seconds.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{
    HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle,
};
use session_store_migrate::{Phase, Progress};

use crate::message::note;
use crate::text::plural;

/// The time after which a command shows a bar.
const SHOW_AFTER: Duration = Duration::from_secs(1);
/// The shortest time between two updates of the bar.
const BAR_INTERVAL: Duration = Duration::from_millis(50);
/// The time between two lines if there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The length of the bar in steps.
const STEPS: u64 = 1000;

/// The work of the current phase, for the message after a signal.
static REACHED: Mutex<Option<Reached>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Reached {
    phase: &'static str,
    parts_done: usize,
    entries: u64,
}

/// Returns a phrase about the work of the current phase, or an empty text before the first phase.
pub(crate) fn reached() -> String {
    let reached = *REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(Reached { phase, parts_done, entries }) = reached else { return String::new() };
    let parts = plural(parts_done, "part", "parts");
    format!(" while {phase}, after {parts} and {} entries", HumanCount(entries))
}

/// The progress of a command.
pub(crate) struct Bar {
    bar: ProgressBar,
    is_terminal: bool,
    shown_at: Instant,
    count: Count,
}

impl Bar {
    /// Creates a bar, which appears after a second.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{prefix} [{bar:16}] {wide_msg}");
        bar.set_style(style.expect("the template is well-formed").progress_chars("=> "));
        let is_terminal = io::stderr().is_terminal();
        Self { bar, is_terminal, shown_at: Instant::now(), count: Count::of("working", 0) }
    }

    /// Starts a phase that has this number of parts.
    pub(crate) fn begin(&mut self, phase: &'static str, parts: usize) {
        self.count = Count::of(phase, parts);
        self.bar.set_prefix(phase);
        self.show();
    }

    /// Starts a part that has this number of entries.
    pub(crate) fn part_started(&mut self, entries: usize) {
        self.count.started(entries);
    }

    /// Counts entries that were read.
    pub(crate) fn read(&mut self, entries: usize, bytes: u64) {
        self.count.entries += entries as u64;
        self.count.bytes += bytes;
        self.show();
    }

    /// Counts a part that is done.
    pub(crate) fn part_done(&mut self) {
        self.count.parts_done += 1;
        self.show();
    }

    /// Shows an event of the copy engine.
    pub(crate) fn show_event(&mut self, event: &Progress<'_>) {
        match event {
            Progress::Begin { phase, parts } => {
                let phase = match phase {
                    Phase::Copy => "copying",
                    Phase::CatchUp => "catching up",
                    Phase::Compare => "comparing",
                    Phase::Export => "exporting",
                    Phase::Check => "checking",
                    _ => "working",
                };
                self.begin(phase, *parts);
            }
            Progress::Started { entries } => self.part_started(*entries),
            Progress::Read { entries, bytes } => self.read(*entries, *bytes),
            Progress::Copied(_) | Progress::Compared(_) | Progress::Done => self.part_done(),
            _ => {}
        }
    }

    /// Hides the bar until the next phase begins.
    pub(crate) fn hide(&mut self) {
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        self.count = Count::of("following", 0);
    }

    /// Removes the bar while `print` writes to the terminal.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    fn show(&mut self) {
        let Count { phase, parts_done, entries, .. } = self.count;
        let reached = Reached { phase, parts_done, entries };
        *REACHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(reached);
        let interval = if self.is_terminal { BAR_INTERVAL } else { LINE_INTERVAL };
        if self.shown_at.elapsed() < interval {
            return;
        }
        self.shown_at = Instant::now();
        let elapsed = self.count.began.elapsed();
        if !self.is_terminal {
            note(&format!("{}: {}", self.count.phase, self.count.line(elapsed)));
        } else if elapsed > SHOW_AFTER {
            self.draw(elapsed);
        }
    }

    fn draw(&self, elapsed: Duration) {
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position((self.count.done() * STEPS as f64) as u64);
        self.bar.set_message(self.count.line(elapsed));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The work of a phase since it began.
struct Count {
    phase: &'static str,
    began: Instant,
    parts: usize,
    parts_done: usize,
    entries: u64,
    bytes: u64,
    /// The parts that were started with a known number of entries.
    parts_started: usize,
    /// The number of entries in these parts.
    entries_expected: u64,
}

impl Count {
    fn of(phase: &'static str, parts: usize) -> Self {
        Self {
            phase,
            began: Instant::now(),
            parts,
            parts_done: 0,
            entries: 0,
            bytes: 0,
            parts_started: 0,
            entries_expected: 0,
        }
    }

    fn started(&mut self, entries: usize) {
        self.parts_started += 1;
        self.entries_expected += entries as u64;
    }

    /// Returns the fraction of the work that is done, from 0 to 1. The result is an estimate,
    /// because the numbers of entries of parts that are not started are unknown. Their average is
    /// taken from the other parts.
    fn done(&self) -> f64 {
        let done = if self.entries_expected > 0 {
            let average = self.entries_expected as f64 / self.parts_started as f64;
            self.entries as f64 / (average * self.parts as f64)
        } else {
            self.parts_done as f64 / self.parts.max(1) as f64
        };
        done.min(1.0)
    }

    /// Returns the line to show. The most important figures come first, because a narrow terminal
    /// cuts the end.
    fn line(&self, elapsed: Duration) -> String {
        let Self { parts_done, parts, entries, bytes, .. } = self;
        let seconds = elapsed.as_secs_f64().max(0.001);
        let done = self.done();
        let left = if done > 0.0 {
            let left = Duration::from_secs_f64(seconds * (1.0 - done) / done);
            format!(", {:#} left", HumanDuration(left))
        } else {
            String::new()
        };
        // The number of parts is 0 if it is unknown. A backup lists its parts only at its end.
        let parts =
            if *parts == 0 { parts_done.to_string() } else { format!("{parts_done}/{parts}") };
        format!(
            "{parts}{left}, {} entries ({}/s), {} ({}/s)",
            HumanCount(*entries),
            HumanCount((*entries as f64 / seconds) as u64),
            HumanBytes(*bytes),
            HumanBytes((*bytes as f64 / seconds) as u64),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_contains_amounts_rates_and_the_time_left() {
        let mut count = Count::of("copying", 4);
        (count.parts_done, count.entries, count.bytes) = (1, 3000, 4 << 20);
        count.started(1000);
        count.started(5000);
        let line = count.line(Duration::from_secs(2));
        assert_eq!(line, "1/4, 6s left, 3,000 entries (1,500/s), 4.00 MiB (2.00 MiB/s)");
    }

    #[test]
    fn an_unknown_number_of_parts_is_left_out() {
        let mut count = Count::of("checking", 0);
        count.parts_done = 3;
        assert!(count.line(Duration::from_secs(2)).starts_with("3, "));
    }

    #[test]
    fn without_expected_entries_the_parts_are_counted() {
        let mut count = Count::of("checking", 4);
        assert_eq!(count.done(), 0.0);
        count.parts_done = 3;
        assert_eq!(count.done(), 0.75);
        assert_eq!(Count::of("working", 0).done(), 0.0);
    }

    #[test]
    fn a_growing_source_is_never_more_than_done() {
        let mut count = Count::of("copying", 1);
        count.started(10);
        count.entries = 20;
        assert_eq!(count.done(), 1.0);
    }
}
