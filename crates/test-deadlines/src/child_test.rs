//! Tests that other tests run in a child process. Such a test is ignored, and fails without a job.

use std::env;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::Command;

/// The environment variable with the job of a child.
const JOB: &str = "CHILD_TEST_JOB";

/// Returns a command that runs one test of the calling test program, also if the test is ignored.
///
/// The test gets the text of `job` from [`child_job`]. Its output is not captured.
///
/// # Panics
/// If the path of the test program is unknown.
#[must_use]
pub fn child_test(test: &str, job: impl Display) -> Command {
    with_test(Command::new(test_program()), test, job)
}

/// Adds the command of [`child_test`] to a program that runs the command in its last arguments,
/// such as `strace`.
///
/// # Panics
/// As [`child_test`].
#[must_use]
pub fn child_test_under(mut program: Command, test: &str, job: impl Display) -> Command {
    program.arg(test_program());
    with_test(program, test, job)
}

/// Returns the job of a test that runs in a child process.
///
/// # Panics
/// If the test does not run in a child process.
#[must_use]
pub fn child_job() -> String {
    env::var(JOB).expect("another test runs this one and sets the variable")
}

fn with_test(mut program: Command, test: &str, job: impl Display) -> Command {
    program.args(["--exact", test, "--include-ignored", "--nocapture"]).env(JOB, job.to_string());
    program
}

fn test_program() -> PathBuf {
    env::current_exe().expect("a test program has a path")
}
