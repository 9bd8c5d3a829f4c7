//! Tests of the exact help, output, JSON and errors of every command. A change of these texts must
//! be intended. `UPDATE_GOLDEN=1 cargo test -p session-store-cli snapshots` writes the files again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use crate::program::{Place, program, run};

/// Compares a text with a file of the folder `golden`, or writes the file if the user asks for it.
fn assert_golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("the file is in a folder")).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if text != expected {
        let differs = |(a, b): &(&str, &str)| a != b;
        let first = text.lines().zip(expected.lines()).find(differs);
        panic!("{} differs from the output, first in {first:#?}\n{text}", path.display());
    }
}

/// Returns the names of the commands, as the help lists them.
fn commands(help: &str) -> Vec<String> {
    let (_, rest) = help.split_once("\nCommands:\n").expect("the help lists commands");
    let (list, _) = rest.split_once("\n\n").expect("the list has an end");
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = list.lines().filter(is_name).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_help_of_every_command_is_golden() {
    let help = run(["--help"]).ok();
    assert_golden("help/session-store.txt", &help);
    let mut names: Vec<_> = commands(&help).into_iter().map(|name| vec![name]).collect();
    let pods = commands(&run(["pods", "--help"]).ok());
    names.extend(pods.into_iter().map(|name| vec!["pods".to_owned(), name]));
    for name in &names {
        let help = run(name.iter().map(String::as_str).chain(["--help"])).ok();
        assert_golden(&format!("help/{}.txt", name.join("-")), &help);
    }
}

const LOG: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
const FORK: &str = "1ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
const BAD: &str = "2ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
const NONE: &str = "3ccf1a04-1b4c-43b6-8aa5-79e41db43a68";

/// A conversation. Its times make all listings the same in each run.
const CONVERSATION: &str = r#"{"role":"user","content":"Why does \"parse\" fail?","ts":"2026-05-01T08:00:00Z"}
{"role":"assistant","content":"The file has no header.","ts":"2026-05-01T08:00:05Z"}
"#;

const SHORT: &str = "{\"role\":\"user\",\"content\":\"Hello\",\"ts\":\"2026-05-02T00:00:00Z\"}\n";

/// The commands of the scenario, in their order, each with its standard input. Together they use
/// every command that ends by itself, most of them also with `--json` and with an error.
fn scenario() -> Vec<(String, &'static str)> {
    let on = |text: &str| {
        let ids = [("LOG", LOG), ("FORK", FORK), ("BAD", BAD), ("NONE", NONE)];
        ids.into_iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    };
    let mut steps = vec![
        (on("create fs:a - --session LOG --segment LOG"), CONVERSATION),
        (on("create fs:a --session LOG --segment LOG --json"), ""),
        (on("create fs:a - --session FORK --segment FORK --json"), SHORT),
        (on("append fs:a --session FORK --segment FORK"), "{}\n{\"n\":1}\n"),
        (on("append fs:a --session FORK --segment FORK --json"), "[]\n"),
        (on("append fs:a --session FORK --segment FORK --trace"), "{\"t\":1}\n"),
        (on("pods put fs:a coder --session LOG --segment LOG"), ""),
    ];
    let read = [
        "ls fs:a",
        "ls fs:a --json",
        "ls fs:a -l --sort written",
        "ls fs:a -l --json --limit 1",
        "ls fs:a LOG",
        "ls fs:a NONE",
        "ls fs:none",
        "ls fs:none --json",
        "ls mysql://host/db",
        "ls",
        "tree fs:a",
        "tree fs:a --json",
        "tree fs:a NONE",
        "stat fs:a --bytes",
        "stat fs:a --json",
        "show fs:a 0",
        "show fs:a latest --trace",
        "show fs:a 0 --text",
        "show fs:a 0 --text --redact",
        "show fs:a NONE",
        "show fs:a NONE --json",
        "tail fs:a 0 -n 1",
        "tail fs:a NONE",
        "search fs:a \"parse\"",
        "search fs:a HEADER -i --json",
        "search fs:a no-such-text",
        "search fs:a p.rse --regex -l",
        "search fs:a p(rse --regex",
        "search fs:a \"t\" --traces",
        "search fs:a",
        "count fs:a 0",
        "count fs:a 0 --json",
        "count fs:a NONE",
        "exists fs:a 0",
        "exists fs:a NONE --json",
        "lookup fs:a 1 --json",
        "lookup fs:a NONE",
        "pods ls fs:a",
        "pods ls fs:a --json",
        "pods show fs:a coder",
        "pods show fs:a none",
        "migrate fs:a sqlite:b.db --dry-run",
        "migrate fs:a sqlite:b.db --jobs 1",
        "migrate fs:a fs:a",
        "verify fs:a sqlite:b.db",
        "verify fs:a fs:none --json",
        "check fs:a",
        "check fs:a --json",
        "repair fs:a --dry-run",
        "repair fs:a LOG --json",
        "repair fs:a NONE",
        "repair memory:",
        "salvage fs:a fs:c",
        "salvage sqlite:b.db fs:c",
        "export fs:a a.tar.zst",
        "export fs:a a.tar.zst",
        "restore a.tar.zst fs:d",
        "restore a.tar.zst fs:d --json",
        "restore none.tar.zst fs:d",
        "truncate sqlite:b.db 1 1",
        "truncate sqlite:b.db 1 1 --yes",
        "truncate sqlite:b.db 1 9 --yes --json",
        "verify fs:a sqlite:b.db",
        "import logs fs:e",
        "import logs fs:e --json",
        "import none fs:e",
        "import logs",
        "rm fs:a --older-than 2026-05-01 --dry-run",
        "rm fs:a 0 --yes",
        "rm fs:a --session FORK",
        "rm fs:a --session FORK --yes",
        "rm fs:a NONE --yes --json",
        "rm fs:a",
        "pods rm fs:a none --yes",
        "pods rm fs:a coder --yes --json",
        "qualify fs:a --filter no_such_check",
        "serve fs:none/file",
        "completions cmd",
        "man logs/session.jsonl",
        "none",
    ];
    steps.extend(read.iter().map(|step| (on(step), "")));
    steps
}

#[test]
fn the_output_of_every_command_is_golden() {
    let place = Place::new();
    fs::create_dir(place.path("logs")).unwrap();
    fs::write(place.path("logs/session.jsonl"), CONVERSATION).unwrap();
    fs::write(place.path("logs/bad.jsonl"), "{\"n\":1}\nno entry\n{\"n\":2}\n").unwrap();
    let mut transcript = String::new();
    let mut used = BTreeSet::new();
    for (step, input) in scenario() {
        let args = shlex::split(&step.replace('"', "\\\"").replace('(', "\\(")).unwrap();
        used.insert(args[0].clone());
        let mut command = program(&args);
        command.current_dir(place.path("")).env("TZ", "UTC").env_remove("SESSION_STORE_PASSWORD");
        let ended = crate::program::run_command(command, input);
        transcript += &format!("$ session-store {step}\n{}", ended.stdout);
        transcript.extend(ended.stderr.lines().map(|line| format!("! {line}\n")));
        if ended.status != Some(0) {
            transcript += &format!("status {}\n", ended.status.unwrap());
        }
        transcript.push('\n');
    }
    let folder = place.path("").display().to_string();
    let transcript = transcript.replace(&folder, "/place/").replace("/place//", "/place/");
    assert_golden("transcript.txt", &masked(&transcript));
    let all = commands(&run(["--help"]).ok());
    let unused: Vec<_> = all.iter().filter(|name| !used.contains(*name)).collect();
    assert_eq!(unused, ["demo"], "`demo` has tests of its own");
}

/// Replaces the values that differ between two runs: times, durations and sizes of backups.
fn masked(text: &str) -> String {
    let values = [
        r#"("(?:began|took_ms|version)":)("[^"]*"|[0-9]+)"#,
        r"( in )([0-9.]+ (?:B|KiB))",
        r"((?-u:\b))(20(?:2[7-9]|[3-9][0-9])-[0-9T:-]+Z?)",
    ];
    values.iter().fold(text.to_owned(), |text, value| {
        regex::Regex::new(value).unwrap().replace_all(&text, "${1}…").into_owned()
    })
}
