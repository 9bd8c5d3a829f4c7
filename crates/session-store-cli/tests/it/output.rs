//! Tests of a command whose standard output is closed, and of the help.

use std::io::{Read, Write};

use test_deadlines::Process;

use crate::program::{Kind, Place, SEGMENT, SESSION, program, run, run_with};

#[test]
fn a_closed_pipe_ends_the_command_without_a_message() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let log = format!("{{\"text\":\"{}\"}}\n", "x".repeat(1_000)).repeat(1_000);
    run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], &log).ok();

    let mut child = Process::start(&mut program(["show", &url, SEGMENT]));
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn append_ends_when_its_counts_cannot_be_printed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let args = ["append", &url, "--session", SESSION, "--segment", SEGMENT];
    let mut child = Process::start(&mut program(args));
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{}\n").unwrap();
    assert_eq!(child.wait().code(), Some(141), "the command does not wait for more input");
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "1\n");
}

#[test]
fn the_help_lists_the_commands_and_the_exit_statuses() {
    let help = run(["--help"]).ok();
    for word in [
        "demo",
        "import",
        "migrate",
        "verify",
        "ls",
        "show",
        "append",
        "redis://HOST",
        "Exit status",
    ] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
}
