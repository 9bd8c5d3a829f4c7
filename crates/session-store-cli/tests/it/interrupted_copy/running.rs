//! A program that runs in the background of a test. The program is killed at its deadline, or when
//! the test ends.

use std::process::ExitStatus;
use std::time::Duration;

use test_deadlines::{Process, wait_until};

use crate::program::{Ended, program};

pub(super) struct Running(Process);

impl Running {
    pub(super) fn start<S: AsRef<str>>(args: &[S]) -> Self {
        Self(Process::start(&mut program(args.iter().map(AsRef::as_ref))))
    }

    /// Starts a program that may run for the time `deadline`.
    pub(super) fn start_for<S: AsRef<str>>(args: &[S], deadline: Duration) -> Self {
        Self(Process::start_for(&mut program(args.iter().map(AsRef::as_ref)), deadline))
    }

    /// Waits until `reached` returns true or the program ends.
    pub(super) fn wait_for(&self, mut reached: impl FnMut() -> bool) {
        wait_until("the program's work", || !self.0.is_running() || reached());
    }

    pub(super) fn terminate(&self) {
        self.0.terminate();
    }

    pub(super) fn kill(self) -> ExitStatus {
        self.0.kill()
    }

    /// Waits until the program ends.
    pub(super) fn ended(self) -> Ended {
        self.0.wait_with_output().into()
    }
}
