//! Tests of `import` with valid and invalid log files, which are imported once and repeatedly.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rstest::rstest;

use crate::program::{Ended, Kind, Place, append, run, run_with};

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

fn set_modified_later(file: &Path) {
    let file = fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
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
    assert!(
        segments.contains("019b2dd3-003f-7"),
        "a UUID v7 with the time of the first entry: {segments}"
    );
}

#[rstest]
fn a_second_import_appends_only_what_is_new(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let logs = Logs::new(kind);
    let file = logs.put("session.jsonl", "{\"n\":1}\n{\"n\":2}");
    let first = logs.import(&[]).ok();
    assert!(first.contains("imported, 2 of 2 entries new"), "{first}");
    let again = logs.import(&[]).ok();
    assert!(again.contains("unchanged, 0 of 2 entries new"), "{again}");

    // The file contains no time, so it is identified by its path, although its modification time
    // changed.
    logs.put("session.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    set_modified_later(&file);
    let grown = logs.import(&[]).ok();
    assert!(grown.contains("extended, 1 of 3 entries new"), "{grown}");
    assert_eq!(logs.stored(), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
}

/// The derived id contains the first time, so it changes when the file gets its first time. The
/// segment of the earlier import is found anyway.
#[rstest]
#[case::empty("")]
#[case::untimed("{\"n\":1}\n")]
fn a_file_that_gets_its_first_time_keeps_its_segment(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[values("session.jsonl", "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/agent-a5.jsonl")]
    name: &str,
    #[case] first: &str,
) {
    let logs = Logs::new(kind);
    logs.put(name, first);
    logs.import(&[]).ok();
    let mut content = first.to_owned();
    for line in ["{\"ts\":1766000361535}\n", "{\"ts\":1766000361536}\n"] {
        content.push_str(line);
        logs.put(name, &content);
        let grown = logs.import(&[]).ok();
        let entries = content.lines().count();
        assert!(grown.contains(&format!("1 of {entries} entries new")), "{grown}");
        assert_eq!(logs.stored(), content);
    }
    let again = logs.import(&[]).ok();
    assert!(again.contains("unchanged"), "{again}");
    let sessions = run(["--json", "ls", &logs.url()]).ok();
    let segments = run(["--json", "ls", &logs.url(), &field(&sessions, "session_id")]).ok();
    assert_eq!((sessions.lines().count(), segments.lines().count()), (1, 1));
}

/// A changed file is not imported as a second segment.
#[test]
fn a_changed_file_that_once_had_no_time_is_a_conflict() {
    let logs = Logs::new(Kind::Fs);
    for content in ["{}\n", "{}\n{\"ts\":1766000361535}\n{\"n\":3}\n"] {
        logs.put("session.jsonl", content);
        logs.import(&[]).ok();
    }
    logs.put("session.jsonl", "{}\n{\"ts\":1766000361535}\n{\"n\":4}\n");
    let ended = logs.import(&[]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("conflict") && ended.stdout.contains("entry 3"), "{ended:?}");
}

/// A file without any time is identified by its path. Its modification time is ignored.
#[test]
fn a_changed_file_without_any_time_is_a_conflict() {
    let logs = Logs::new(Kind::Fs);
    let file = logs.put("session.jsonl", "{\"n\":1}\n");
    logs.import(&[]).ok();
    logs.put("session.jsonl", "{\"n\":2}\n");
    set_modified_later(&file);
    let ended = logs.import(&[]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("conflict"), "{ended:?}");
    assert_eq!(logs.stored(), "{\"n\":1}\n");
}

#[rstest]
#[case::without_time("{\"n\":1}\n")]
#[case::with_another_time("{\"ts\":1766000000000}\n")]
fn another_log_at_the_path_of_an_old_one_gets_its_own_segment(#[case] old: &str) {
    let logs = Logs::new(Kind::Fs);
    for content in [old, "{\"ts\":1766000361535}\n"] {
        logs.put("session.jsonl", content);
        let printed = logs.import(&[]).ok();
        assert!(printed.contains("imported, 1 of 1 entries new"), "{printed}");
    }
}

/// Two folders can each have a file of the same name. An earlier log belongs to only one of them.
#[test]
fn an_earlier_log_is_extended_by_one_file_only() {
    let logs = Logs::new(Kind::Fs);
    let file = logs.put("a/session.jsonl", "");
    run(["import", &*file.to_string_lossy(), &logs.url()]).ok();
    let paths = ["a", "b"].map(|folder| {
        let time = if folder == "a" { 1_766_000_361_535_u64 } else { 1_766_000_361_536 };
        let file = logs.put(&format!("{folder}/session.jsonl"), format!("{{\"ts\":{time}}}\n"));
        file.display().to_string()
    });
    let printed = run(["import", &paths[0], &paths[1], &logs.url()]).ok();
    assert!(printed.ends_with("2 files, 2 of 2 entries new\n"), "{printed}");
    let again = run(["import", &paths[0], &paths[1], &logs.url()]).ok();
    assert!(again.ends_with("2 files, 0 of 2 entries new\n"), "{again}");
}

#[rstest]
#[case::other("{\"n\":1}\n{\"n\":9}\n{\"n\":3}\n", "entry 2 differs from byte 6 on")]
#[case::shorter("{\"n\":1}\n", "ends after entry 1")]
fn a_file_that_does_not_extend_its_segment_is_a_conflict(#[case] changed: &str, #[case] why: &str) {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
    logs.put(&format!("{G}.jsonl"), "{}\n");
    logs.import(&[]).ok();
    logs.put(&format!("{S}.jsonl"), changed);
    logs.put(&format!("{G}.jsonl"), "{}\n{}\n");
    let ended = logs.import(&[]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains("conflict") && ended.stdout.contains(why), "{}", ended.stdout);
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
#[case::byte_order_mark(
    "\u{feff}{\"a\":1}\n",
    "line 1",
    "{\"a\":1}\n",
    "line 1: skipped a byte-order mark"
)]
#[case::incomplete_last_line(
    "{\"a\":1}\n{\"b\":",
    "line 2",
    "{\"a\":1}\n",
    "line 2: skipped an incomplete record (5 bytes)"
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
fn two_files_of_the_same_id_are_an_error_and_nothing_is_stored() {
    let logs = Logs::new(Kind::Fs);
    let files = ["a", "b"].map(|folder| logs.put(&format!("{folder}/{S}.jsonl"), "{}\n"));
    let message = logs.import(&[]).refused(3);
    for file in files {
        assert!(message.contains(&*file.to_string_lossy()), "{message}");
    }
    assert!(!logs.place.path("store").exists());
}

#[test]
fn a_missing_path_is_an_error() {
    let logs = Logs::new(Kind::Fs);
    let missing = logs.place.path("missing").display().to_string();
    let message = run(["import", &missing, &logs.url()]).refused(3);
    assert!(message.contains(&missing), "{message}");
    assert_eq!(logs.place.listing(), []);
}

/// A log is read twice, and a pipe can only be read once.
#[cfg(unix)]
#[test]
fn a_file_that_is_not_regular_is_refused() {
    let logs = Logs::new(Kind::Fs);
    for path in ["/dev/stdin", "/dev/null"] {
        let message = run_with(["import", path, &logs.url()], "{}\n").refused(3);
        assert!(message.contains(&format!("cannot import {path}: ")), "{message}");
        assert!(message.contains("not a regular file"), "{message}");
        assert_eq!(logs.place.listing(), []);
    }
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
    assert!(printed.ends_with("2 files, 2 of 2 entries new\n"), "{printed}");

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
    assert!(ended.stdout.ends_with("4 files, 0 of 2 entries new, 2 refused\n"), "{}", ended.stdout);
}

#[test]
fn a_file_store_among_the_logs_is_imported_too() {
    let logs = Logs::new(Kind::Fs);
    logs.put(&format!("{S}.jsonl"), "{}\n");
    append(&format!("fs:{}", logs.place.path("logs/store").display()), "{}\n");
    logs.put("store/.session-store/torn/old.jsonl", "{\"torn\":");
    let printed = logs.import(&[]).ok();
    assert!(printed.ends_with("2 files, 2 of 2 entries new\n"), "{printed}");
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
