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
/// A thread scope joins its threads even if its closure panics. Threads that loop until a flag is
/// raised would then never end. A drop also runs after a panic, so it raises the flag in this case
/// too.
#[derive(Debug)]
pub struct RaiseAtEnd<'a>(pub &'a AtomicBool);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
