//! Tests of the line protocol with programs in other languages: clients of `serve`, and a store
//! that `qualify --command` checks.

use std::fs;
use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::program::{Ended, Kind, Place, program, run};

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/protocol");
    folder.join(name).to_str().expect("the path is UTF-8").to_owned()
}

#[rstest]
#[case::python("python3", "client.py")]
#[case::javascript("node", "client.mjs")]
fn a_client_in_another_language_appends_and_reads(
    #[case] interpreter: &str,
    #[case] client: &str,
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
) {
    let place = Place::new();
    let url = place.url(kind, "a");
    let server = program(["serve", &url]);
    let output = Command::new(interpreter)
        .arg(example(client))
        .arg(server.get_program())
        .args(server.get_args())
        .output()
        .expect("`cargo xtask test` installs the interpreter");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 6, "{printed}");
    assert!(lines[0].contains("user_input"), "{printed}");
    assert_eq!(lines[5], "not_found");
    let session = run(["ls", &url]).ok();
    assert_eq!(session.lines().count(), 1, "{session}");
}

/// Runs checks over the Python store, after a change of its text.
fn qualify(text: &str, replacement: &str, filter: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let store = fs::read_to_string(example("store.py")).unwrap();
    assert!(store.contains(text), "{text}");
    let path = folder.path().join("store.py");
    fs::write(&path, store.replace(text, replacement)).unwrap();
    run(["qualify", "--command", &format!("python3 '{}'", path.display()), "--filter", filter])
}

#[rstest]
#[case("a1_")]
#[case("t1_")]
#[case("t2_")]
#[case("s6_")]
fn a_store_in_another_language_is_checked(#[case] filter: &str) {
    let report = qualify("", "", filter).ok();
    assert!(report.contains(", 0 failed, "), "{report}");
}

#[rstest]
#[case::keeps_one_more("lines[:entries_len])", "lines[: entries_len + 1])", "t1_")]
#[case::loses_the_order("return lines\n", "return lines[::-1]\n", "a1_")]
#[case::lists_strangers("if ID.fullmatch(stem)]", "]", "l4_")]
fn a_broken_store_in_another_language_is_caught(
    #[case] text: &str,
    #[case] replacement: &str,
    #[case] filter: &str,
) {
    let report = qualify(text, replacement, filter);
    assert_eq!(report.status, Some(1), "{report:?}");
    assert!(report.stdout.contains("FAILED   "), "{report:?}");
}

#[test]
fn a_program_that_is_not_a_server_is_named() {
    let report = run(["qualify", "--command", "true", "--filter", "a1_"]);
    assert_eq!(report.status, Some(1), "{report:?}");
    assert!(report.stdout.contains("the process has ended"), "{report:?}");
    let message = run(["qualify", "--command", "python3 'store.py"]).refused(3);
    assert!(message.contains("the command is empty or has an open quote"), "{message}");
}
