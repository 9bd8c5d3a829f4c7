//! Tests of `import` with valid and invalid log files, which are imported once and repeatedly.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use test_deadlines::Process;

use crate::program::{Ended, Kind, Place, append, program, run, run_with};

const S: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
const G: &str = "019a93b9-f380-7600-98ff-940e6b99603c";

/// A folder of log files, and the store to import them into.
pub(crate) struct Logs {
    place: Place,
    kind: Kind,
}

impl Logs {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { place: Place::new(), kind }
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.place.path("logs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn url(&self) -> String {
        self.place.url(self.kind, "store")
    }

    pub(crate) fn import(&self, options: &[&str]) -> Ended {
        let logs = self.place.path("logs").display().to_string();
        run(["import"].into_iter().chain(options.iter().copied()).chain([&*logs, &*self.url()]))
    }

    /// Returns the lines of the only imported segment.
    pub(crate) fn stored(&self) -> String {
        let json = run(["--json", "ls", &self.url()]).ok();
        let session = field(&json, "session_id");
        let segments = run(["--json", "ls", &self.url(), &session]).ok();
        run(["show", &self.url(), &field(&segments, "segment_id")]).ok()
    }
}

/// Returns the text of the first field of this name.
pub(crate) fn field(json: &str, name: &str) -> String {
    let (_, rest) = json.split_once(&format!("\"{name}\":\"")).expect(json);
    rest.split('"').next().unwrap().to_owned()
}

#[rstest]
fn ids_come_from_the_file_names(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let logs = Logs::new(kind);
    logs.put(&format!("{S}.jsonl"), "{\"a\":1}\r\n\n{\"b\": 1.0}");
    logs.put(&format!("{S}/subagents/agent-a5.jsonl"), "{\"ts\":1766000361535}\n");
    logs.put(&format!("2025/rollout-2025-11-17T15-30-28-{G}.jsonl"), "{}\n");
    let printed = logs.import(&[]).ok();
    assert!(printed.ends_with("3 files, 4 of 4 entries new\n"), "{printed}");
    assert_eq!(run(["show", &logs.url(), S]).ok(), "{\"a\":1}\n{\"b\": 1.0}\n");
    assert_eq!(run(["lookup", &logs.url(), G]).ok().trim(), G);
    let segments = run(["--json", "ls", &logs.url(), S]).ok();
    assert_eq!(segments.lines().count(), 2);
}

#[rstest]
fn a_second_import_appends_only_what_is_new(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let logs = Logs::new(kind);
    logs.put("session.jsonl", "{\"n\":1}\n{\"n\":2}");
    let first = logs.import(&[]).ok();
    assert!(first.contains("imported, 2 of 2 entries new"), "{first}");
    let again = logs.import(&[]).ok();
    assert!(again.contains("unchanged, 0 of 2 entries new"), "{again}");

    logs.put("session.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    let grown = logs.import(&[]).ok();
    assert!(grown.contains("extended, 1 of 3 entries new"), "{grown}");
    assert_eq!(logs.stored(), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
}

#[test]
fn a_file_that_does_not_extend_its_segment_is_a_conflict() {
    let changed = "{\"n\":1}\n{\"n\":9}\n{\"n\":3}\n";
    let why = "entry 2 differs from byte 6 on";
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
    logs.put(&format!("{G}.jsonl"), "{}\n");
    logs.import(&[]).ok();
    logs.put(&format!("{S}.jsonl"), changed);
    logs.put(&format!("{G}.jsonl"), "{}\n{}\n");
    let ended = logs.import(&[]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("conflict") && ended.stdout.contains(why), "{}", ended.stdout);
    assert!(ended.stdout.contains("--on-conflict fork"), "{}", ended.stdout);
    assert_eq!(run(["show", &logs.url(), S]).ok(), "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(run(["count", &logs.url(), G]).ok().trim(), "2", "the other file is imported");
}

/// Invalid lines from reports of users and from real logs. A strict import refuses the file with
/// the number of the line, and `--salvage` stores the whole records.
#[rstest]
#[case::several_records(
    "{\"a\":1}\n{\"b\":1}{\"c\":1}\n",
    "line 2",
    "{\"a\":1}\n{\"b\":1}\n{\"c\":1}\n",
    "line 2: split into 2 records"
)]
#[case::comment(
    "// header\n{\"a\":1}\n",
    "line 1",
    "{\"a\":1}\n",
    "line 1: skipped text that is not a JSON object (9 bytes)"
)]
#[case::nuls(
    "{\"a\":1}\n\0\0\0\0{\"b\":1}\n",
    "line 2",
    "{\"a\":1}\n{\"b\":1}\n",
    "line 2: skipped 4 NUL bytes"
)]
#[case::record_repeated_after_its_prefix(
    "{\"a\":\"x{\"a\":\"xy\"}\n",
    "line 1",
    "{\"a\":\"xy\"}\n",
    "line 1: skipped an incomplete record (7 bytes)"
)]
#[case::broken_string(
    "{\"a\":\"x\ny\"}\n{\"b\":1}\n",
    "line 1",
    "{\"b\":1}\n",
    "line 2: skipped text that is not a JSON object (3 bytes)"
)]
fn an_invalid_line_is_refused_and_salvaged(
    #[case] content: &str,
    #[case] line: &str,
    #[case] kept: &str,
    #[case] found: &str,
) {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), content);
    let refused = logs.import(&[]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stdout.contains(&format!("refused: {line}: ")), "{}", refused.stdout);
    assert!(refused.stderr.contains("--salvage"), "{}", refused.stderr);
    assert!(!logs.place.path("store").exists(), "nothing is stored, so no store is created");

    let salvaged = logs.import(&["--salvage"]).ok();
    assert!(salvaged.contains(&format!("\n  {found}\n")), "{salvaged}");
    assert_eq!(run(["show", &logs.url(), S]).ok(), kept);
    let again = logs.import(&["--salvage"]).ok();
    assert!(again.contains("unchanged"), "{again}");
}

#[test]
fn a_record_after_an_incomplete_character_is_salvaged() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), b"{\"a\":\"caf\xC3{\"b\":1}\n");
    assert!(logs.import(&[]).stdout.contains("refused: line 1: invalid UTF-8"));
    let salvaged = logs.import(&["--salvage"]).ok();
    assert!(salvaged.contains("line 1: skipped invalid UTF-8 (10 bytes)"), "{salvaged}");
    assert_eq!(run(["show", &logs.url(), S]).ok(), "{\"b\":1}\n");
}

#[test]
fn a_refused_file_does_not_stop_the_import() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{}\n[1]\n");
    logs.put(&format!("{G}.jsonl"), "{}\n");
    let ended = logs.import(&[]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.ends_with("2 files, 1 of 1 entries new, 1 refused\n"), "{}", ended.stdout);
    assert_eq!(run(["exists", &logs.url(), S]).status, Some(1));
    run(["exists", &logs.url(), G]).ok();
}

#[test]
fn two_files_of_the_same_id_do_not_stop_the_others() {
    let logs = Logs::new(Kind::Fs);
    for (file, content) in [("a", "{\"n\":1}\n"), ("b", "{\"n\":2}\n{\"n\":3}\n")] {
        logs.put(&format!("{file}/{S}.jsonl"), content);
    }
    logs.put(&format!("{G}.jsonl"), "{}\n");
    let ended = logs.import(&[]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains(" is the same segment; "), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("3 files, 3 of 3 entries new, 1 in conflict\n"), "{ended:?}");
    assert_eq!(run(["count", &logs.url(), S]).ok().trim(), "2", "the longer file is stored");
}

#[test]
fn a_missing_path_is_an_error() {
    let logs = Logs::new(Kind::Fs);
    let missing = logs.place.path("missing").display().to_string();
    let message = run(["import", &missing, &logs.url()]).refused(3);
    assert!(message.contains(&missing), "{message}");
    assert_eq!(logs.place.listing(), []);
}

/// A log is read twice, and a pipe can only be read once. So only `-` means standard input, which
/// is copied to a file first.
#[cfg(unix)]
#[test]
fn a_file_that_is_not_regular_is_refused() {
    let logs = Logs::new(Kind::Fs);
    for path in ["/dev/stdin", "/dev/null"] {
        let ended = run_with(["import", path, &logs.url()], "{}\n");
        assert_eq!(ended.status, Some(1));
        let expected = format!("{path}: refused: it is not a regular file");
        assert!(ended.stdout.contains(&expected), "{}", ended.stdout);
        assert_eq!(logs.place.listing(), []);
    }
}

#[test]
fn standard_input_is_one_log() {
    let logs = Logs::new(Kind::Fs);
    let snapshot = "{\"messageId\":\"m\",\"snapshot\":{}}\n";
    let input = format!("{snapshot}{{\"sessionId\":\"{S}\",\"parentUuid\":null}}\n");
    let printed = run_with(["import", "-", &logs.url()], &input).ok();
    assert!(printed.contains(&format!("imported, 2 of 2 entries new, session {S}\n")), "{printed}");
    logs.put(&format!("{S}.jsonl"), &input);
    let again = logs.import(&[]).ok();
    assert!(again.contains("unchanged"), "the file has the same ids: {again}");
}

#[cfg(unix)]
#[test]
fn dangling_links_do_not_stop_the_import() {
    use std::os::unix::fs::symlink;

    let logs = Logs::new(Kind::Fs);
    let file = logs.put(&format!("{S}.jsonl"), "{}\n");
    let folder = file.parent().unwrap();
    symlink("nowhere", folder.join("latest")).unwrap();
    symlink("itself", folder.join("itself")).unwrap();
    let linked = logs.place.path("elsewhere");
    fs::write(&linked, "{}\n").unwrap();
    symlink(&linked, folder.join(format!("{G}.jsonl"))).unwrap();
    let printed = logs.import(&[]).ok();
    assert!(printed.contains("2 files, 2 of 2 entries new\n"), "{printed}");
    assert!(printed.contains("not taken: dangling links (2)"), "{printed}");

    symlink("nowhere", folder.join("gone.jsonl")).unwrap();
    symlink("/dev/null", folder.join("null.jsonl")).unwrap();
    let ended = logs.import(&[]);
    assert_eq!((ended.status, &*ended.stderr), (Some(1), ""), "--salvage is not suggested");
    for why in [
        "gone.jsonl: refused: it is a dangling symbolic link",
        "null.jsonl: refused: it is not a regular file",
    ] {
        assert!(ended.stdout.contains(why), "{}", ended.stdout);
    }
    assert!(ended.stdout.contains("4 files, 0 of 2 entries new, 2 refused\n"), "{}", ended.stdout);
}

/// The destination is often created in the folder that is imported.
#[test]
fn a_store_among_the_logs_is_not_searched_and_named() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{}\n");
    let inside = format!("fs:{}", logs.place.path("logs/store").display());
    append(&inside, "{}\n");
    let printed = logs.import(&[]).ok();
    assert!(printed.contains("1 file, 1 of 1 entries new\n"), "{printed}");
    assert!(printed.contains("not taken: session stores"), "{printed}");
    let folder = logs.place.path("logs").display().to_string();
    for new in [1, 0] {
        let printed = run(["import", &folder, &inside]).ok();
        assert!(printed.contains(&format!("1 file, {new} of 1 entries new\n")), "{printed}");
    }
}

/// A store that the user names itself is imported, without its sidecar files.
#[test]
fn a_store_that_is_named_is_imported() {
    let logs = Logs::new(Kind::Sqlite);
    append(&format!("fs:{}", logs.place.path("logs").display()), "{\"n\":1}\n");
    logs.put(".session-store/torn/old.jsonl", "{\"torn\":");
    let printed = logs.import(&[]).ok();
    assert!(printed.ends_with("1 file, 1 of 1 entries new\n"), "{printed}");
    assert_eq!(logs.stored(), "{\"n\":1}\n");
}

/// The folder can be a file store, in which a trace is beside its log.
#[rstest]
fn a_trace_beside_its_log_is_stored_as_its_trace(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let logs = Logs::new(kind);
    logs.put(&format!("{S}.jsonl"), "{\"n\":1}\n");
    logs.put(&format!("{S}.trace.jsonl"), "{\"t\":1}\n{\"t\":2}\n");
    let printed = logs.import(&[]).ok();
    assert!(printed.contains(&format!("session {S}, as its trace")), "{printed}");
    assert!(printed.ends_with("2 files, 3 of 3 entries new\n"), "{printed}");
    assert_eq!(run(["show", &logs.url(), S]).ok(), "{\"n\":1}\n");
    assert_eq!(run(["show", &logs.url(), S, "--trace"]).ok(), "{\"t\":1}\n{\"t\":2}\n");
    assert!(logs.import(&[]).ok().ends_with("2 files, 0 of 3 entries new\n"));
}

#[test]
fn the_report_can_be_json() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{\"uuid\":\"u\",\"v\":1}{}\n{\"uuid\":\"u\",\"v\":2}\n");
    let printed = logs.import(&["--salvage", "--json"]).ok();
    let lines: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["session_id"], S);
    assert_eq!(lines[0]["state"], "imported");
    assert_eq!(
        lines[0]["salvaged"],
        serde_json::json!([{
            "line": 1, "found": "welded", "records": 2,
            "twins": [{"record": 1, "line": 2, "identical": false}],
        }])
    );
    assert_eq!(lines[1]["new"], 3);
}

#[test]
fn a_dry_run_writes_nothing() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{}\n{}\n");
    let printed = logs.import(&["--dry-run"]).ok();
    assert!(printed.contains(": would be imported, 2 of 2 entries would be new, "), "{printed}");
    assert!(printed.ends_with("\n1 file, 2 of 2 entries would be new\n"), "{printed}");
    assert!(!logs.place.path("store").exists());
    logs.import(&[]).ok();
    logs.put(&format!("{S}.jsonl"), "{}\n{}\n{}\n");
    let printed = logs.import(&["--dry-run"]).ok();
    assert!(printed.contains(": would be extended, 1 of 3 entries would be new, "), "{printed}");
    assert!(printed.ends_with("\n1 file, 1 of 3 entries would be new\n"), "{printed}");
    assert_eq!(run(["count", &logs.url(), S]).ok().trim(), "2");
}

#[test]
fn a_quiet_import_prints_only_what_was_not_imported() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{}\n");
    assert_eq!(logs.import(&["--quiet"]).ok(), "");
    logs.put(&format!("{G}.jsonl"), "[1]\n");
    let ended = logs.import(&["--quiet"]);
    assert_eq!((ended.status, ended.stdout.lines().count()), (Some(1), 2), "{}", ended.stdout);
    logs.put(&format!("{G}.jsonl"), "[1]\n{}\n");
    let salvaged = logs.import(&["--quiet", "--salvage"]).ok();
    assert!(salvaged.contains("line 1: skipped"), "{salvaged}");
}

#[test]
fn files_are_selected_by_patterns_and_by_time() {
    let logs = Logs::new(Kind::Fs);
    logs.put("a/old.jsonl", "{\"ts\":\"2020-01-01T00:00:00Z\"}\n");
    logs.put("a/new.jsonl", "{\"ts\":\"2026-01-01T00:00:00Z\"}\n");
    logs.put("b/other.jsonl", "{}\n");
    let summary = |options: &[&str]| {
        let options = [&["--dry-run"], options].concat();
        let printed = logs.import(&options).ok();
        // Each log has a line too. The summary is below these lines.
        printed.lines().rfind(|line| line.contains(" entries would be new")).unwrap().to_owned()
    };
    assert_eq!(
        summary(&["--since", "2025-01-01"]),
        "3 files, 2 of 2 entries would be new, 1 older"
    );
    assert_eq!(summary(&["--include", "a"]), "2 files, 2 of 2 entries would be new");
    assert_eq!(summary(&["--exclude", "*/o*.jsonl"]), "1 file, 1 of 1 entries would be new");
    let message = logs.import(&["--include", "["]).refused(2);
    assert!(message.contains("invalid pattern ["), "{message}");
}

#[test]
fn the_default_folders_are_found_without_a_path() {
    let program_in = |home: &Path, args: &[&str]| -> Ended {
        let mut command = program(args);
        Process::start(command.env_clear().env("HOME", home)).wait_with_output().into()
    };
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!(".claude/projects/-p/{S}.jsonl"), "{\"parentUuid\":null}\n");
    let home = logs.place.path("logs");
    let found = program_in(&home, &["import"]).ok();
    let folder = home.join(".claude/projects").display().to_string();
    assert!(found.contains(&format!("claude-code: 1 log (0.0 MB) in {folder}\n")), "{found}");
    assert!(found.contains(&format!("session-store import {folder} fs:logs\n")), "{found}");
    let empty = program_in(&home.join("empty"), &["import"]);
    assert_eq!(empty.status, Some(1));
    let missing = program_in(&home, &["import", &folder]).refused(2);
    assert!(missing.contains("the store is missing"), "{missing}");
}
