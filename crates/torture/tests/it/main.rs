//! The short form of the torture: some faults of each kind. `cargo xtask torture` runs more.

use std::process::Command;

use rstest::rstest;
use test_deadlines::Process;

/// Runs the program, which fails if it finds a violation.
fn torture(args: &[&str]) {
    let output = Process::output(Command::new(env!("CARGO_BIN_EXE_torture")).args(args));
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("0 violations"), "nothing was run: {printed}{errors}");
}

#[rstest]
fn killed_writers_lose_nothing(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--fault", "kill", "--count", "90"]);
}

#[rstest]
#[ignore = "needs root, loop devices, mkfs.ext4, mkfs.xfs and python3: \
            cargo xtask test runs it where it can"]
fn cut_power_keeps_what_the_durability_promises(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--fault", "power", "--count", "12"]);
}
