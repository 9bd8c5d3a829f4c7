//! The weak moment of a file store, held open until somebody else has used it: another thread, or another
//! process, of which only the files tell.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// How long it is held open: long enough for whoever wants to come, on a busy machine too.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long if somebody was waited for in vain before.
const SHORT: Duration = Duration::from_millis(1);

/// How long a call stays half done for the signal of a check that kills its process: longer than the rest of
/// the call takes, so that most signals strike here.
const HALF_DONE: Duration = Duration::from_millis(3);

/// Whether this is a process that a check has started.
pub(super) fn in_another_process() -> bool {
    std::env::var_os("SESSION_STORE_CONFORMANCE_PROCESS").is_some()
}

/// Stays half done where a check may kill the process.
pub(super) fn stay_half_done(times: u32) {
    if in_another_process() {
        thread::sleep(times * HALF_DONE);
    }
}

/// Whether nobody else can come: a check's own thread waits for those that it starts.
fn alone() -> bool {
    thread::current().name().is_some() && !in_another_process()
}

/// The weak moments of one handle.
pub(super) struct Moments {
    /// Grows with each weak moment of anybody, so that two who meet in theirs know of each other.
    book: PathBuf,
    in_vain: AtomicBool,
}

impl Moments {
    pub(super) fn of(root: &Path) -> Self {
        Self { book: root.join(".moments"), in_vain: AtomicBool::new(false) }
    }

    /// Returns when somebody else has changed `file`, is in a weak moment too, or nobody has come.
    pub(super) fn let_others_in(&self, file: &Path) -> io::Result<()> {
        if alone() {
            return Ok(());
        }
        let patience = if self.in_vain.load(Relaxed) { SHORT } else { PATIENCE };
        OpenOptions::new().create(true).append(true).open(&self.book)?.write_all(b".")?;
        let (entered, before) = (Instant::now(), (state(&self.book), state(file)));
        while (state(&self.book), state(file)) == before {
            if entered.elapsed() > patience {
                self.in_vain.store(true, Relaxed);
                break;
            }
            thread::sleep(SHORT / 20);
        }
        Ok(())
    }
}

/// What changes whenever the file does; `None` while there is no file.
fn state(file: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file).ok().map(|metadata| (metadata.ino(), metadata.len()))
}
