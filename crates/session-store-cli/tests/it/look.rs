//! Tests of commands that read a backup file in the place of a store.

use std::fs;

use rstest::rstest;

use crate::export::populated;
use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// Returns the URL of a store, and the path of its backup. The name of the file says nothing about
/// its content.
fn backup(place: &Place) -> (String, String) {
    let url = populated(place, Kind::Fs);
    let file = place.path("old.bin").display().to_string();
    run(["export", &url, &file]).ok();
    (url, file)
}

#[rstest]
#[case(&["ls"], &[])]
#[case(&["ls"], &["--long"])]
#[case(&["ls"], &[SESSION])]
#[case(&["tree"], &[])]
#[case(&["stat"], &["--bytes"])]
#[case(&["show"], &[SEGMENT])]
#[case(&["show"], &[SEGMENT, "--trace"])]
#[case(&["show"], &[&SEGMENT[..13]])]
#[case(&["tail"], &["-n", "1", SEGMENT])]
#[case(&["count"], &[SEGMENT])]
#[case(&["exists"], &[SEGMENT, "--session", SESSION])]
#[case(&["lookup"], &[SEGMENT])]
#[case(&["search"], &["--raw", "future"])]
#[case(&["check"], &[])]
#[case(&["pods", "ls"], &[])]
fn a_command_prints_the_same_for_a_backup(#[case] command: &[&str], #[case] rest: &[&str]) {
    let place = Place::new();
    let (url, file) = backup(&place);
    let printed = |place: &str| {
        let printed = run([command, &[place], rest].concat()).ok();
        // Only the original store records the time of the last change. A backup does not.
        printed.lines().filter(|line| !line.contains("(storage)")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(printed(&file), printed(&url));
}

#[test]
fn a_backup_is_compared_and_copied() {
    let place = Place::new();
    let (url, file) = backup(&place);
    assert!(run(["verify", &url, &file]).ok().starts_with("equal: "));
    let to = place.url(Kind::Sqlite, "to");
    run(["migrate", &file, &to]).ok();
    assert!(run(["verify", &to, &file]).ok().starts_with("equal: "));
}

#[rstest]
#[case(&["append"], &["--session", SESSION, "--segment", SEGMENT])]
#[case(&["create"], &[])]
#[case(&["truncate"], &[SEGMENT, "0", "--yes"])]
#[case(&["rm"], &[SEGMENT, "--yes"])]
#[case(&["pods", "rm"], &["coder", "--yes"])]
#[case(&["repair"], &[])]
fn a_command_that_writes_refuses_a_backup(#[case] command: &[&str], #[case] rest: &[&str]) {
    let place = Place::new();
    let (_, file) = backup(&place);
    let before = fs::read(&file).unwrap();
    let arguments = [&["--json"], command, &[file.as_str()], rest].concat();
    let message = run_with(arguments, "{}\n").refused(3);
    assert!(message.contains("\"unsupported\""), "{message}");
    assert!(message.contains(&format!("session-store restore {file} STORE")), "{message}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[rstest]
#[case::compressed(&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, b'a'], "the file is not a backup: ")]
#[case::text(b"hello\n", "it is neither an SQLite database nor a backup")]
fn another_file_is_named_so(#[case] content: &[u8], #[case] expected: &str) {
    let place = Place::new();
    let file = place.path("file").display().to_string();
    fs::write(&file, content).unwrap();
    for command in ["ls", "tree", "stat", "check"] {
        let message = run([command, &file]).refused(3);
        assert!(message.contains(&file) && message.contains(expected), "{message}");
    }
}

#[test]
fn a_damaged_backup_is_refused_with_the_place() {
    let place = Place::new();
    let (_, file) = backup(&place);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let message = run(["ls", &file]).refused(3);
    assert!(message.contains("the backup is damaged: bytes 0 to "), "{message}");
}

#[test]
fn one_session_is_restored() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    run(["create", &url, "--session", OTHER, "--segment", OTHER]).ok();
    append(&url, "{\"b\":1}\n");
    let file = place.path("a.tar.zst").display().to_string();
    run(["export", &url, &file]).ok();
    let to = place.url(Kind::Sqlite, "to");
    let printed = run(["restore", &file, &to, "--session", &OTHER[..13]]).ok();
    assert!(printed.contains(": 1 of 1 segment complete, 0 entries copied"), "{printed}");
    let printed = run(["--json", "restore", &file, &to, "--session", OTHER]).ok();
    let contents = r#""segments":1,"entries":0,"trace_entries":0,"pods":0,"#;
    assert!(printed.contains(contents), "{printed}");
    assert!(run(["ls", &to]).ok().contains(OTHER));
    assert!(!run(["ls", &to]).ok().contains(SESSION));
    let elsewhere = place.url(Kind::Sqlite, "elsewhere");
    let unknown = "ffffffff-ffff-4fff-8fff-ffffffffffff";
    run(["restore", &file, &elsewhere, "--session", unknown]).refused(4);
    assert!(!place.path("elsewhere").exists(), "nothing is written");
}
