//! Tests of a command whose standard output is closed, and of the help.

use std::io::{Read, Write};
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

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
        "postgres://HOST/DATABASE",
        "redis://HOST",
        "Exit status",
    ] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
}

/// Returns the output of the program in a terminal. `script` of util-linux makes the terminal.
#[cfg(target_os = "linux")]
fn in_terminal(args: &str) -> String {
    let command = format!("PAGER=no-such-pager '{}' {args}", env!("CARGO_BIN_EXE_session-store"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    let output = Process::start(script.stdin(Stdio::null()).stdout(Stdio::piped()));
    String::from_utf8(output.wait_with_output().stdout).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_text_is_printed_if_the_pager_does_not_exist() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let entry = r#"{"role":"user","content":"hello"}"#;
    run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], entry).ok();
    let shown = in_terminal(&format!("show --text '{url}' {SEGMENT}"));
    assert!(shown.contains("hello") && !shown.contains("not found"), "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn hidden_characters_are_escaped_on_a_terminal_and_kept_in_a_pipe() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let entry = "{\"text\":\"\u{9b}2J\u{202e}\"}\n";
    run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], entry).ok();
    assert_eq!(run(["show", &url, SEGMENT]).ok(), entry);

    let shown = in_terminal(&format!("show '{url}' {SEGMENT}"));
    assert_eq!(shown.trim_end(), r#"{"text":"\u009b2J\u202e"}"#);
}

#[cfg(target_os = "linux")]
#[test]
fn a_long_command_prints_on_a_terminal_how_long_it_took() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    run(["create", &url, "--session", SESSION, "--segment", SEGMENT]).ok();
    assert!(!run(["check", &url]).ok().contains("took"), "not in a pipe");
    let shown = in_terminal(&format!("check '{url}'"));
    let last = shown.trim_end().lines().last().unwrap();
    assert!(last.starts_with("took ") && last.ends_with(" s"), "{shown}");
}
