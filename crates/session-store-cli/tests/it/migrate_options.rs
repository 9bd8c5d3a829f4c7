//! Tests of the options of `migrate`, and of the report files of `migrate` and `verify`.

use std::fs;

use rstest::rstest;
use serde_json::Value;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run};

/// Creates a source and a destination whose segment differs at entry 2.
fn different(place: &Place) -> (String, String) {
    let (from, to) = (place.url(Kind::Fs, "from"), place.url(Kind::Sqlite, "to"));
    append(&from, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    append(&to, "{\"a\":1}\n{\"b\":3}\n");
    (from, to)
}

fn read(place: &Place, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(place.path(name)).unwrap()).unwrap()
}

#[rstest]
#[case("report", 1, "conflict: entry 2 differs from byte 6 on", "{\"a\":1}\n{\"b\":3}\n")]
#[case("skip", 0, "skipped: conflict: entry 2 differs", "{\"a\":1}\n{\"b\":3}\n")]
#[case("replace", 0, "1 entry of the destination replaced", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n")]
fn a_conflict_is_reported_skipped_or_replaced(
    #[case] word: &str,
    #[case] status: i32,
    #[case] printed: &str,
    #[case] stored: &str,
) {
    let place = Place::new();
    let (from, to) = different(&place);
    let ended = run(["migrate", &from, &to, "--on-conflict", word]);
    assert_eq!(ended.status, Some(status), "{ended:?}");
    assert!(ended.stdout.contains(printed), "{}", ended.stdout);
    assert_eq!(run(["show", &to, SEGMENT]).ok(), stored);
}

#[test]
fn a_dry_run_creates_nothing() {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Fs, "from"), place.url(Kind::Sqlite, "to"));
    append(&from, "{\"a\":1}\n{\"b\":2}\n");
    run(["pods", "put", &from, "coder", "--session", SESSION]).ok();
    let before = place.listing();
    let printed = run(["migrate", &from, &to, "--dry-run"]).ok();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], format!("segment {SEGMENT} of session {SESSION}: copy 2 entries"));
    assert_eq!(lines[1], "pod coder: copy");
    assert!(lines[2].contains("2 entries (14 bytes) would be copied"), "{printed}");
    assert_eq!(place.listing(), before);
}

#[test]
fn a_dry_run_reports_conflicts_and_existing_entries() {
    let place = Place::new();
    let (from, to) = different(&place);
    run(["create", &from, "--session", SESSION, "--segment", OTHER]).ok();
    let ended = run(["migrate", &from, &to, "--dry-run"]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("conflict: entry 2 differs"), "{}", ended.stdout);
    let printed = run(["migrate", &from, &to, "--dry-run", "--on-conflict", "replace"]).ok();
    assert!(printed.contains("truncate 1 entry, append 2 entries"), "{printed}");
    assert_eq!(run(["show", &to, SEGMENT]).ok(), "{\"a\":1}\n{\"b\":3}\n");
}

#[test]
fn since_selects_new_sessions() {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Fs, "from"), place.url(Kind::Sqlite, "to"));
    // The time in the fixed ids is 22 February 2022.
    append(&from, "{\"a\":1}\n");
    let new = run(["create", &from]).ok();
    run(["migrate", &from, &to, "--since", "7d"]).ok();
    let copied = run(["ls", &to]).ok();
    assert!(
        copied.lines().count() == 1 && new.contains(copied.split('\t').next().unwrap()),
        "{copied}"
    );
    run(["migrate", &from, &to, "--since", "2022-02-22"]).ok();
    assert_eq!(run(["ls", &to]).ok().lines().count(), 2);
    run(["migrate", &from, &to, "--since", "soon"]).refused(2);
}

#[test]
fn jobs_are_at_least_one() {
    let place = Place::new();
    let (from, to) = different(&place);
    run(["migrate", &from, &to, "--jobs", "0"]).refused(2);
    run(["migrate", &from, &to, "--jobs", "9", "--on-conflict", "replace"]).ok();
    run(["verify", &from, &to, "--jobs", "2"]).ok();
}

/// A store in memory cannot be opened again, so the comparison after the copy uses the same handle.
#[test]
fn a_store_in_memory_can_be_the_destination() {
    let place = Place::new();
    let from = place.url(Kind::Fs, "from");
    append(&from, "{\"a\":1}\n");
    let printed = run(["migrate", &from, "memory:"]).ok();
    assert!(printed.contains("read back and equal: 1 entry"), "{printed}");
}

#[test]
fn a_report_contains_the_hash_of_every_segment() {
    let place = Place::new();
    let (from, to) = different(&place);
    run(["create", &from, "--session", SESSION, "--segment", OTHER]).ok();
    let file = place.path("report.json");
    let args = ["migrate", &from, &to, "--report", file.to_str().unwrap()];
    assert_eq!(run(args).status, Some(1));
    let report = read(&place, "report.json");
    assert_eq!((&report["command"], &report["complete"]), (&"migrate".into(), &false.into()));
    assert_eq!([&report["from"], &report["to"]], [from.as_str(), to.as_str()]);
    assert_eq!(report["options"]["on_conflict"], "report");
    assert_eq!(report["segments"][0]["outcome"], "conflict");
    assert!(report["segments"][0]["log"]["stopped"].as_str().unwrap().contains("entry 2 differs"));
    assert_eq!(report["segments"][1]["outcome"], "copied");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(report["segments"][1]["log"]["sha256"], empty);
    assert_eq!(report["totals"]["conflicts"], 1);
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);

    // `printf '{"a":1}\n{"b":2}\n{"c":3}\n' | sha256sum`
    let expected = "ef1c3cd9cd7c0cf0b0b7b745afbc853d1c7eebe134f3ab5b89650ff06c431e37";
    run([&args[..], &["--on-conflict", "replace"]].concat()).ok();
    let report = read(&place, "report.json");
    assert_eq!(report["segments"][0]["outcome"], "replaced");
    assert_eq!(report["segments"][0]["log"]["sha256"], expected);
    assert_eq!(report["segments"][0]["log"]["entries"], 3);
    let named: Vec<_> = place.listing().into_iter().map(|(path, _)| path).collect();
    let is_temporary = |path: &&std::path::PathBuf| path.to_string_lossy().contains("report.json.");
    assert!(!named.iter().any(|path| is_temporary(&path)), "a temporary file is left: {named:?}");
}

#[test]
fn a_report_is_written_after_an_error_and_contains_no_password() {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Fs, "from"), "redis://:secret@127.0.0.1:1/");
    append(&from, "{\"a\":1}\n");
    let file = place.path("report.json");
    let message = run(["migrate", &from, to, "--report", file.to_str().unwrap()]).refused(3);
    let report = fs::read_to_string(&file).unwrap();
    assert!(!report.contains("secret") && !message.contains("secret"), "{report} {message}");
    let report = read(&place, "report.json");
    assert_eq!(report["complete"], false);
    assert!(report["error"].as_str().unwrap().contains("127.0.0.1:1"), "{report}");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_before_the_copy() {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Fs, "from"), place.url(Kind::Sqlite, "to"));
    append(&from, "{\"a\":1}\n");
    let file = place.path("missing").join("report.json");
    let message = run(["migrate", &from, &to, "--report", file.to_str().unwrap()]).refused(3);
    assert!(message.contains("report.json"), "{message}");
    assert!(!place.path("to").exists());
}

#[test]
fn verify_writes_a_report() {
    let place = Place::new();
    let (a, b) = different(&place);
    let file = place.path("report.json");
    assert_eq!(run(["verify", &a, &b, "--report", file.to_str().unwrap()]).status, Some(1));
    let report = read(&place, "report.json");
    assert_eq!((&report["equal"], &report["a"]), (&false.into(), &a.into()));
    assert!(report["compared"][0]["log"]["difference"].as_str().unwrap().contains("entry 2"));
}
