//! Child processes and waits of tests, each with a deadline.
//!
//! A test that waits without a limit hangs the whole test command when the awaited event does not
//! come. The functions here fail the test instead, and name the event.

mod child_test;
mod process;
mod wait;

use std::time::Duration;

pub use child_test::{child_job, child_test, child_test_under};
pub use process::{Process, exit_at_deadline};
pub use wait::{RaiseAtEnd, wait_until};

/// The longest time that a child process can run and a wait can last. On a loaded machine with two
/// cores, the slowest test needs a tenth of this time.
pub const DEADLINE: Duration = Duration::from_secs(180);
