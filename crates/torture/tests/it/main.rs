//! A short torture run with some faults of each kind. `cargo xtask torture` runs more faults.

use std::process::Command;

use rstest::rstest;
use test_deadlines::Process;

/// Runs the program, which fails if it finds a violation. Returns the output of the program.
fn run(args: &[&str]) -> String {
    let output = Process::output(Command::new(env!("CARGO_BIN_EXE_torture")).args(args));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{printed}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    printed
}

fn torture(args: &[&str]) {
    let printed = run(args);
    assert!(printed.contains("0 violations"), "nothing was run: {printed}");
}

#[rstest]
fn killed_writers_lose_nothing(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--fault", "kill", "--count", "90"]);
}

#[rstest]
fn a_killed_exclusive_writer_loses_nothing(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--exclusive", "--fault", "kill", "--count", "30"]);
}

#[rstest]
fn killed_repairs_delete_nothing(
    #[values("fs", "sqlite", "redis", "cluster", "postgres")] backend: &str,
) {
    torture(&[backend, "--fault", "repair", "--count", "25"]);
}

#[rstest]
#[case::connections("connections", "40")]
#[case::stall("stall", "2")]
#[case::crash("crash", "4")]
fn faults_of_servers_lose_nothing(
    #[values("redis", "cluster", "postgres")] backend: &str,
    #[case] fault: &str,
    #[case] count: &str,
) {
    torture(&[backend, "--fault", fault, "--count", count]);
}

#[test]
fn planted_bugs_are_caught_by_kills() {
    planted_bugs_are_caught("kill");
}

#[rstest]
#[ignore = "takes minutes, and needs root, loop devices, mkfs.ext4, python3 and strace: \
            cargo xtask torture"]
fn torture_catches_planted_bugs(#[values("power", "full", "calls", "stall")] fault: &str) {
    planted_bugs_are_caught(fault);
}

fn planted_bugs_are_caught(fault: &str) {
    let output = run(&["--prove", "--fault", fault]);
    assert!(output.contains("caught: "), "no bug was planted: {output}");
}

#[rstest]
#[cfg_attr(not(target_os = "linux"), ignore = "needs strace, which is a program for Linux")]
fn failed_system_calls_lose_nothing(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--fault", "calls", "--count", "100"]);
}

#[rstest]
#[cfg_attr(not(target_os = "linux"), ignore = "needs strace, which is a program for Linux")]
fn failed_system_calls_of_an_exclusive_writer_lose_nothing(
    #[values("fs", "sqlite")] backend: &str,
) {
    torture(&[backend, "--exclusive", "--fault", "calls", "--count", "100"]);
}

#[rstest]
#[ignore = "needs root, loop devices, mkfs.ext4 and mkfs.xfs: cargo xtask torture"]
fn torture_full_disks(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--fault", "full", "--count", "4"]);
}

#[rstest]
#[ignore = "needs root, loop devices, mkfs.ext4, mkfs.xfs and python3: \
            cargo xtask test runs it where it can"]
fn cut_power_keeps_what_the_durability_promises(#[values("fs", "sqlite")] backend: &str) {
    torture(&[backend, "--fault", "power", "--count", "12"]);
}
