//! Tests of `import` with whole logs. Some logs are in `tests/fixtures/logs` and were written for
//! the tests. With `cargo xtask test --corpus DIR`, the tests also import the real logs in the
//! folder DIR.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::import::{Logs, field};
use crate::program::{Kind, Place, run};

/// A file or a folder of invented logs.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/logs").join(name)
}

/// A file or a folder of real logs.
fn corpus(name: &str) -> PathBuf {
    let folder = std::env::var_os("SESSION_STORE_CORPUS");
    let folder = folder.expect("SESSION_STORE_CORPUS is set to the folder of real logs");
    Path::new(&folder).join(name)
}

#[rstest]
fn logs_are_stored_line_for_line(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[values("claude-code", "codex")] part: &str,
) {
    assert_stored(kind, &fixture(part));
}

#[rstest]
#[ignore = "needs real logs: cargo xtask test --corpus DIR"]
fn corpus_is_stored_line_for_line(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[values("claude-code", "codex")] part: &str,
) {
    assert_stored(kind, &corpus(part));
}

fn assert_stored(kind: Kind, folder: &Path) {
    let place = Place::new();
    let url = place.url(kind, "store");
    let printed = run(["--json", "import", &*folder.to_string_lossy(), &url]).ok();
    let files: Vec<_> = printed.lines().filter(|line| line.contains("\"path\"")).collect();
    assert!(files.len() >= 2, "{printed}");
    for file in files {
        let source = fs::read_to_string(field(file, "path")).unwrap();
        let (session, segment) = (field(file, "session_id"), field(file, "segment_id"));
        let shown = run(["show", &url, &segment, "--session", &session]).ok();
        assert!(shown.lines().eq(source.lines()), "{file}");
    }
}

#[rstest]
#[case::two_records_in_a_line("odd/welded-lines.jsonl", 4, 7)]
#[case::two_records_in_the_last_line("pi/session-welded-line.jsonl", 6, 7)]
#[case::comments_in_front("odd/comment-header.jsonl", 1, 2)]
#[case::no_final_newline("odd/no-final-newline.jsonl", 0, 5)]
fn unusual_logs_are_refused_and_salvaged(
    #[case] file: &str,
    #[case] bad_line: usize,
    #[case] entries: usize,
) {
    assert_salvaged(&fixture(file), bad_line, entries);
}

#[rstest]
#[case("claude-code-odd/welded-lines-a.jsonl", 128, 171)]
#[case("claude-code-odd/welded-lines-b.jsonl", 115, 242)]
#[case("pi/session-welded-line-440.jsonl", 440, 464)]
#[case("claude-code-odd/comment-header-1.2MB-line.jsonl", 1, 2)]
#[case("claude-code-odd/no-final-newline.jsonl", 0, 175)]
#[ignore = "needs real logs: cargo xtask test --corpus DIR"]
fn corpus_unusual_logs_are_refused_and_salvaged(
    #[case] file: &str,
    #[case] bad_line: usize,
    #[case] entries: usize,
) {
    assert_salvaged(&corpus(file), bad_line, entries);
}

/// Asserts that a strict import reports the bad line, and that `--salvage` stores all entries. Line
/// 0 means that the log is valid.
fn assert_salvaged(path: &Path, bad_line: usize, entries: usize) {
    let path = path.to_string_lossy();
    let place = Place::new();
    let url = place.url(Kind::Fs, "store");
    if bad_line > 0 {
        let refused = run(["import", &*path, &url]);
        assert_eq!(refused.status, Some(1));
        assert!(refused.stdout.contains(&format!("refused: line {bad_line}: ")), "{refused:?}");
    }
    let printed = run(["import", "--salvage", &*path, &url]).ok();
    assert!(printed.contains(&format!("{entries} of {entries} entries new")), "{printed}");
    assert_eq!(printed.contains(&format!("\n  line {bad_line}: ")), bad_line > 0, "{printed}");
    if path.ends_with("welded-lines.jsonl") || path.ends_with("welded-lines-b.jsonl") {
        let duplicate = format!("record 1 is also on line {} with another text", bad_line + 1);
        assert!(printed.contains(&duplicate), "{printed}");
    }
}

#[test]
fn a_log_at_four_moments_is_extended_each_time() {
    assert_extended(&fixture("odd/prefix-chain"));
}

#[test]
#[ignore = "needs real logs: cargo xtask test --corpus DIR"]
fn corpus_log_at_four_moments_is_extended_each_time() {
    assert_extended(&corpus("claude-code-odd/prefix-chain"));
}

fn assert_extended(folder: &Path) {
    let listing = fs::read_dir(folder).unwrap();
    let mut moments: Vec<_> = listing.map(|entry| entry.unwrap().path()).collect();
    moments.sort();
    assert_eq!(moments.len(), 4);
    let logs = Logs::new(Kind::Sqlite);
    let mut stored = 0;
    for moment in moments {
        let content = fs::read_to_string(moment).unwrap();
        let entries = content.lines().count();
        logs.put("session.jsonl", &content);
        let printed = logs.import(&[]).ok();
        let expected = format!("{} of {entries} entries new", entries - stored);
        assert!(printed.contains(&expected), "{printed}");
        assert!(logs.stored().lines().eq(content.lines()));
        stored = entries;
    }
}
