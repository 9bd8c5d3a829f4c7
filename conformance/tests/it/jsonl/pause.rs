//! Pauses in the middle of a call of a file store. In a pause, another thread or process can use
//! the intermediate state. A pause ends when a file has changed, which shows that another call has
//! done so, or after a limit of time.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// The longest pause. It is long enough for another thread or process on a busy machine.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The limit of a pause, after an earlier pause of the same handle has reached [`LONGEST_PAUSE`].
const SHORT_PAUSE: Duration = Duration::from_millis(1);

/// The pause of a call in a process that a check kills. The pause is longer than the rest of the
/// call, so most kills happen in the pause.
const KILL_WINDOW: Duration = Duration::from_millis(3);

/// Returns whether a check has started this process.
pub(super) fn in_another_process() -> bool {
    std::env::var_os("SESSION_STORE_CONFORMANCE_PROCESS").is_some()
}

/// Pauses in a process that a check may kill.
pub(super) fn stay_half_written(times: u32) {
    if in_another_process() {
        thread::sleep(times * KILL_WINDOW);
    }
}

/// Returns whether no other thread can make a call at this moment. This is true for a call in the
/// thread of the check: while the threads that it started run, it makes no call. The test harness
/// gives the thread of the check a name, and the other threads have none.
fn is_alone() -> bool {
    thread::current().name().is_some() && !in_another_process()
}

/// The pauses of one handle.
pub(super) struct Pauses {
    /// A file that grows with each pause of any handle. Two handles that pause at the same time
    /// notice each other by the growth.
    journal: PathBuf,
    in_vain: AtomicBool,
}

impl Pauses {
    pub(super) fn of(root: &Path) -> Self {
        Self { journal: root.join(".pauses"), in_vain: AtomicBool::new(false) }
    }

    /// Pauses until another thread or process has changed `file` or pauses too, or until the
    /// longest pause is over.
    pub(super) fn wait_for_others(&self, file: &Path) -> io::Result<()> {
        if is_alone() {
            return Ok(());
        }
        let longest = if self.in_vain.load(Relaxed) { SHORT_PAUSE } else { LONGEST_PAUSE };
        OpenOptions::new().create(true).append(true).open(&self.journal)?.write_all(b".")?;
        let (entered, before) = (Instant::now(), (state(&self.journal), state(file)));
        while (state(&self.journal), state(file)) == before {
            if entered.elapsed() > longest {
                self.in_vain.store(true, Relaxed);
                break;
            }
            thread::sleep(SHORT_PAUSE / 20);
        }
        Ok(())
    }
}

/// Returns a value that changes when the file changes, or `None` if there is no file.
fn state(file: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file).ok().map(|metadata| (metadata.ino(), metadata.len()))
}
