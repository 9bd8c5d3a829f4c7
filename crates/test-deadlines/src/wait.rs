//! Waits for a condition, and a flag that ends the waits of other threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::DEADLINE;

/// Waits until `reached` returns true.
///
/// # Panics
/// If it does not within [`DEADLINE`]. `event` completes "waited too long for …".
#[track_caller]
pub fn wait_until(event: &str, mut reached: impl FnMut() -> bool) {
    let (start, mut pause) = (Instant::now(), Duration::from_micros(300));
    while !reached() {
        assert!(start.elapsed() < DEADLINE, "waited too long for {event}");
        thread::sleep(pause);
        // A server that needs seconds is not slowed down by thousands of queries.
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Raises a flag when it is dropped.
///
/// A thread scope joins its threads also when its closure panics. Threads that loop until a flag is
/// raised would then never end, so the flag must be raised on that path too.
#[derive(Debug)]
pub struct RaiseAtEnd<'a>(pub &'a AtomicBool);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
