//! How far a command has come, on standard error, for what takes more than a moment: a bar where a person
//! watches, and else a line now and then.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{
    HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle,
};
use session_store_migrate::{Phase, Progress};

use crate::failure::warn;

/// What takes less needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar is drawn anew at most.
const PACE: Duration = Duration::from_millis(50);
/// How often a line is written where there is no bar.
const LINE_PACE: Duration = Duration::from_secs(10);
/// The bar's length in steps.
const STEPS: u64 = 1000;

/// How far a command has come.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Whether a person watches.
    watched: bool,
    told: Instant,
    count: Count,
}

impl Bar {
    /// A bar that shows itself after a second.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{prefix} [{bar:16}] {wide_msg}");
        bar.set_style(style.expect("the template is well-formed").progress_chars("=> "));
        let watched = io::stderr().is_terminal();
        Self { bar, watched, told: Instant::now(), count: Count::of("working", 0) }
    }

    /// Something begins, with so many parts.
    pub(crate) fn begin(&mut self, what: &'static str, parts: usize) {
        self.count = Count::of(what, parts);
        self.bar.set_prefix(what);
        self.show();
    }

    /// Entries were read.
    pub(crate) fn read(&mut self, entries: usize, bytes: u64) {
        self.count.entries += entries as u64;
        self.count.bytes += bytes;
        self.show();
    }

    /// A part is done.
    pub(crate) fn part_done(&mut self) {
        self.count.parts_done += 1;
        self.show();
    }

    /// An event of the copy engine.
    pub(crate) fn follow(&mut self, event: &Progress<'_>) {
        match event {
            Progress::Begin { phase, segments } => {
                let what = match phase {
                    Phase::Copy => "copying",
                    Phase::CatchUp => "catching up",
                    Phase::Compare => "comparing",
                };
                self.begin(what, *segments);
            }
            Progress::Started { entries } => self.count.started(*entries),
            Progress::Read { entries, bytes } => self.read(*entries, *bytes),
            Progress::Copied(_) | Progress::Compared(_) => self.part_done(),
            _ => {}
        }
    }

    /// Nothing is to be shown until something begins.
    pub(crate) fn rest(&mut self) {
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        self.count = Count::of("following", 0);
    }

    /// Lets something be printed where the bar is.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    fn show(&mut self) {
        let pace = if self.watched { PACE } else { LINE_PACE };
        if self.told.elapsed() < pace {
            return;
        }
        self.told = Instant::now();
        let elapsed = self.count.began.elapsed();
        if !self.watched {
            warn(&format!("{}: {}", self.count.what, self.count.line(elapsed)));
        } else if elapsed > PATIENCE {
            self.draw(elapsed);
        }
    }

    fn draw(&self, elapsed: Duration) {
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position((self.count.share() * STEPS as f64) as u64);
        self.bar.set_message(self.count.line(elapsed));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What was done of something since it began.
struct Count {
    what: &'static str,
    began: Instant,
    parts: usize,
    parts_done: usize,
    entries: u64,
    bytes: u64,
    /// The parts that were begun and said how many entries they have, and how many those are.
    begun: usize,
    expected: u64,
}

impl Count {
    fn of(what: &'static str, parts: usize) -> Self {
        let began = Instant::now();
        Self { what, began, parts, parts_done: 0, entries: 0, bytes: 0, begun: 0, expected: 0 }
    }

    fn started(&mut self, entries: usize) {
        self.begun += 1;
        self.expected += entries as u64;
    }

    /// How much of all is done, from 0 to 1. The parts that are not begun are taken to be like the others.
    fn share(&self) -> f64 {
        let share = if self.expected > 0 {
            let all = self.expected as f64 / self.begun as f64 * self.parts as f64;
            self.entries as f64 / all
        } else {
            self.parts_done as f64 / self.parts.max(1) as f64
        };
        share.min(1.0)
    }

    /// What matters most comes first: a narrow terminal cuts the end.
    fn line(&self, elapsed: Duration) -> String {
        let Self { parts_done, parts, entries, bytes, .. } = self;
        let seconds = elapsed.as_secs_f64().max(0.001);
        let share = self.share();
        let left = if share > 0.0 {
            let left = Duration::from_secs_f64(seconds * (1.0 - share) / share);
            format!(", {:#} left", HumanDuration(left))
        } else {
            String::new()
        };
        // How many parts a backup has is known when it has been read.
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
    fn a_line_has_amounts_rates_and_the_time_left() {
        let mut count = Count::of("copying", 4);
        (count.parts_done, count.entries, count.bytes) = (1, 3000, 4 << 20);
        count.started(1000);
        count.started(5000);
        let line = count.line(Duration::from_secs(2));
        assert_eq!(line, "1/4, 6s left, 3,000 entries (1,500/s), 4.00 MiB (2.00 MiB/s)");
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let mut count = Count::of("checking", 0);
        count.parts_done = 3;
        assert!(count.line(Duration::from_secs(2)).starts_with("3, "));
    }

    #[test]
    fn without_expectations_parts_count() {
        let mut count = Count::of("checking", 4);
        assert_eq!(count.share(), 0.0);
        count.parts_done = 3;
        assert_eq!(count.share(), 0.75);
        assert_eq!(Count::of("working", 0).share(), 0.0);
    }

    #[test]
    fn a_source_that_grows_is_never_more_than_done() {
        let mut count = Count::of("copying", 1);
        count.started(10);
        count.entries = 20;
        assert_eq!(count.share(), 1.0);
    }
}
