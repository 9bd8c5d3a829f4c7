//! Quick runs of the program. Their results have no meaning, but every benchmark must return at
//! least one measurement.

use std::fs;
use std::process::{Command, Output};

use rstest::rstest;
use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_session-store-bench")).args(args).output().unwrap()
}

/// Returns the results of a quick run.
fn findings(filter: &str) -> Vec<Value> {
    let output = bench(&["--quick", "--json", "-", filter]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["quick"], true);
    result["findings"].as_array().unwrap().clone()
}

#[rstest]
#[case::fs("fs/")]
#[case::sqlite("sqlite/")]
#[case::postgres("postgres/")]
#[case::redis("redis/")]
#[case::memory("memory/")]
#[case::migrate("migrate/")]
#[case::protocol("protocol/")]
#[case::command("command/")]
fn everything_is_measured(#[case] filter: &str) {
    let listed = String::from_utf8(bench(&["--list", filter]).stdout).unwrap();
    let findings = findings(filter);
    for name in listed.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name) {
        let of_bench: Vec<_> = findings.iter().filter(|finding| finding["bench"] == name).collect();
        assert!(!of_bench.is_empty(), "{name} returned no measurement");
        let figures = of_bench.iter().map(|finding| finding["figure"]["median"].as_f64());
        assert!(figures.into_iter().all(|figure| figure > Some(0.0)), "{of_bench:?}");
    }
}

#[test]
fn page_and_chart_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let [page, chart] = ["page.md", "chart.svg"].map(|name| folder.path().join(name));
    let marks =
        "<!-- begin: written by cargo xtask bench --><!-- end: written by cargo xtask bench -->";
    fs::write(&page, marks).unwrap();
    let files = ["--markdown", page.to_str().unwrap(), "--chart", chart.to_str().unwrap()];
    assert!(bench(&[&["--quick", "fs/list_segments"], &files[..]].concat()).status.success());
    assert!(fs::read_to_string(page).unwrap().contains("| fs/list_segments |"));
    assert!(fs::read_to_string(chart).unwrap().contains("fs/list_segments"));
}

#[test]
fn an_unknown_name_is_rejected() {
    let output = bench(&["nothing/like/this"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--list"));
}
