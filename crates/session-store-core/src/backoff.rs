//! The pauses between attempts to reach a server, for the crates of stores on servers.

use std::thread;
use std::time::{Duration, Instant};

/// The first pause. Each further pause is twice as long.
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(250);

/// The pauses between the attempts of one request.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    /// Begins with the shortest pause.
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// Waits before the next attempt, but not longer than until `deadline`. Returns true if another
    /// attempt is allowed, because the deadline had not passed before the pause.
    pub fn wait(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        thread::sleep(self.next.min(left));
        self.next = (self.next * 2).min(LONGEST);
        !left.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end_at_the_deadline() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let pauses = [5, 10, 20, 40, 80, 160, 250, 250].map(Duration::from_millis);
        for pause in pauses {
            assert_eq!(backoff.next, pause);
            assert!(!backoff.wait(now), "the deadline has passed");
        }
        assert!(Backoff::default().wait(now + Duration::from_secs(60)));
    }
}
