//! Tests of the exact JSON of `migrate` and `verify`. Other programs read this JSON, so a change of
//! it must be intended.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SESSION, append, run, run_with};

const CORRUPT: &str = "017f22e2-79b3-7cc3-98c4-dc0c0c07398f";
const EQUAL: &str = "017f22e2-79b4-7cc3-98c4-dc0c0c07398f";
const SHORTER: &str = "017f22e2-79b5-7cc3-98c4-dc0c0c07398f";

/// Creates a source with segments of several outcomes, and a destination with a part of them.
fn stores(place: &Place) -> (String, String) {
    let (from, to) = (place.url(Kind::Fs, "from"), place.url(Kind::Sqlite, "to"));
    let put = |url: &str, segment: &str, lines: &str| {
        run_with(["append", url, "--session", SESSION, "--segment", segment], lines).ok();
    };
    append(&from, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    append(&to, "{\"a\":1}\n{\"b\":3}\n");
    put(&from, OTHER, "{\"copied\":true}\n");
    put(&from, CORRUPT, "{\"good\":true}\n");
    for url in [&from, &to] {
        put(url, EQUAL, "{\"equal\":true}\n");
        put(url, SHORTER, "{\"n\":1}\n");
    }
    put(&from, SHORTER, "{\"n\":2}\n{\"n\":3}\n");
    let traced = ["append", &from, "--session", SESSION, "--segment", OTHER, "--trace"];
    run_with(traced, "{\"t\":1}\n").ok();
    for (url, pod, session) in
        [(&from, "copied", SESSION), (&from, "differs", SESSION), (&to, "differs", OTHER)]
    {
        run(["pods", "put", url, pod, "--session", session]).ok();
    }
    let log = place.path("from").join(SESSION).join(format!("{CORRUPT}.jsonl"));
    fs::write(log, "{\"good\":true}\nno entry\n").unwrap();
    (from, to)
}

/// Returns a report with one field per line, without the parts that differ between two runs or
/// backends.
fn comparable(place: &Place, report: &str) -> String {
    assert_eq!(report.lines().count(), 1, "{report}");
    let text = report.replace(&place.path("").display().to_string(), "/");
    let text = masked(&text, "the source failed: ", &['"']);
    let keys = ["\"version\":", "\"began\":", "\"took_ms\":"];
    let text = keys.into_iter().fold(text, |text, key| masked(&text, key, &[',', '}']));
    text.replace(",\"", ",\n\"").replace(",{", ",\n{")
}

/// Replaces each value between `before` and the next of `ends` with a zero.
fn masked(text: &str, before: &str, ends: &[char]) -> String {
    let mut parts = text.split(before);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(ends).expect("an end follows the value");
        masked.extend([before, "0", &part[end..]]);
    }
    masked
}

#[rstest]
#[case::report(&[], include_str!("golden/migrate_report.json"))]
#[case::options(
    &[
        "--on-conflict", "skip", "--session", SESSION, "--since", "2022-01-31T08:00:00Z",
        "--jobs", "3", "--no-traces", "--no-pods",
    ],
    include_str!("golden/migrate_options.json")
)]
#[case::replace(&["--on-conflict", "replace"], include_str!("golden/migrate_replace.json"))]
#[case::dry_run(&["--dry-run"], include_str!("golden/migrate_dry_run.json"))]
#[case::failed(&["--session", OTHER], include_str!("golden/migrate_failed.json"))]
fn the_json_of_migrate_is_golden(#[case] options: &[&str], #[case] expected: &str) {
    let place = Place::new();
    let (from, to) = stores(&place);
    let file = place.path("report.json").display().to_string();
    let args = ["migrate", &from, &to, "--report", &file];
    let status = run(args.iter().chain(options)).status;
    let report = fs::read_to_string(&file).unwrap();
    assert_eq!(status, Some(if report.contains("\"error\"") { 4 } else { 1 }));
    assert_eq!(comparable(&place, &report), expected);
}

/// `--json` prints the same text that `--report` writes.
#[test]
fn the_json_of_verify_is_golden() {
    let place = Place::new();
    let (a, b) = stores(&place);
    let file = place.path("report.json").display().to_string();
    let ended = run(["--json", "verify", &a, &b, "--report", &file]);
    let report = fs::read_to_string(&file).unwrap();
    let expected = include_str!("golden/verify.json");
    assert_eq!(comparable(&place, &ended.stdout), expected);
    assert_eq!(comparable(&place, &report), expected);
}
