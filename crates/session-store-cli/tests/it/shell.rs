//! Tests of `completions` and `man`, whose outputs contain all commands.

use std::fs;

use rstest::rstest;

use crate::program::{Place, run};

#[rstest]
fn the_completions_contain_the_commands(
    #[values("bash", "elvish", "fish", "powershell", "zsh")] shell: &str,
) {
    let script = run(["completions", shell]).ok();
    for word in ["migrate", "on-conflict", "completions"] {
        assert!(script.contains(word), "{word}");
    }
}

#[test]
fn an_unknown_shell_is_invalid_usage() {
    let message = run(["completions", "cmd"]).refused(2);
    assert!(message.contains("powershell"), "{message}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let place = Place::new();
    let dir = place.path("man/man1");
    let written = run(["man", dir.to_str().unwrap()]).ok();
    for name in ["session-store.1", "session-store-tail.1", "session-store-pods-put.1"] {
        let path = dir.join(name);
        assert!(written.lines().any(|line| line == path.to_str().unwrap()), "{written}");
        assert!(fs::read_to_string(&path).unwrap().starts_with(".ie"), "{name}");
    }
    assert_eq!(written.lines().count(), fs::read_dir(&dir).unwrap().count());
    assert!(!written.contains("help"), "{written}");

    let main = run(["man"]).ok();
    assert!(main.contains(".SH SYNOPSIS") && main.contains("141"), "{main}");
    let page = fs::read_to_string(dir.join("session-store.1")).unwrap();
    assert_eq!(main.trim_end(), page.trim_end());
}
