//! A wait for a condition, and a flag that ends the loops of other threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::DEADLINE;

/// Waits until `reached` returns true.
///
/// # Panics
/// If `reached` does not return true within [`DEADLINE`]. The message is "waited too long for" and
/// then `event`.
#[track_caller]
pub fn wait_until(event: &str, mut reached: impl FnMut() -> bool) {
    let (start, mut pause) = (Instant::now(), Duration::from_micros(300));
    while !reached() {
        assert!(start.elapsed() < DEADLINE, "waited too long for {event}");
        thread::sleep(pause);
        // The pauses grow, so that a server that needs seconds does not get thousands of queries.
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Raises a flag when it is dropped.
///
/// A thread scope joins its threads even if its closure panics. If the closure raises the flag in
/// its last line, a panic leaves the flag down, and threads that loop until the flag is raised
/// never end. A drop also runs after a panic, so this value raises the flag in this case too.
#[derive(Debug)]
pub struct RaiseAtEnd<'a>(pub &'a AtomicBool);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
