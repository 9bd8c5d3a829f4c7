//! A progress bar on standard error, for what takes more than a second and only where a person watches.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use session_store_migrate::{Phase, Progress};

use crate::failure::Failure;

/// What takes less needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar is drawn anew at most.
const PACE: Duration = Duration::from_millis(50);

/// How far a command has come.
pub(crate) struct Bar {
    bar: ProgressBar,
    since: Instant,
    drawn: Instant,
    entries: u64,
    bytes: u64,
}

impl Bar {
    /// A bar that shows itself after a second.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}");
        bar.set_style(style.expect("the template is well-formed").progress_chars("=> "));
        let now = Instant::now();
        Self { bar, since: now, drawn: now, entries: 0, bytes: 0 }
    }

    /// Something begins, with so many parts.
    pub(crate) fn begin(&mut self, what: &'static str, parts: usize) {
        (self.entries, self.bytes) = (0, 0);
        self.bar.reset();
        self.bar.set_prefix(what);
        self.bar.set_length(parts as u64);
        self.show();
    }

    /// Entries were read.
    pub(crate) fn read(&mut self, entries: usize, bytes: u64) {
        self.entries += entries as u64;
        self.bytes += bytes;
        self.show();
    }

    /// A part is done.
    pub(crate) fn part_done(&mut self) {
        self.bar.inc(1);
        self.show();
    }

    /// An event of the copy engine.
    pub(crate) fn follow(&mut self, event: &Progress<'_>) {
        match event {
            Progress::Begin { phase: Phase::Copy, segments } => self.begin("copying", *segments),
            Progress::Begin { phase: Phase::Compare, segments } => {
                self.begin("comparing", *segments);
            }
            Progress::Read { entries, bytes } => self.read(*entries, *bytes),
            Progress::Copied(_) | Progress::Compared(_) => self.part_done(),
            _ => {}
        }
    }

    /// Lets something be printed where the bar is.
    pub(crate) fn aside(&self, print: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        self.bar.suspend(print)
    }

    fn show(&mut self) {
        if self.drawn.elapsed() < PACE {
            return;
        }
        self.drawn = Instant::now();
        if self.bar.is_hidden() && self.since.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        let (entries, bytes) = (HumanCount(self.entries), HumanBytes(self.bytes));
        self.bar.set_message(format!("{entries} entries, {bytes}"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
