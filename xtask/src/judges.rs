//! `cargo xtask judges`: test suites of other projects, over each of our backends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::{Done, requirements};

/// A test suite of another project.
struct Suite {
    /// The package that has the suite.
    package: &'static str,
    /// The file `judges/tests/{test}.rs`, which runs the suite.
    test: &'static str,
    about: &'static str,
    /// The planted bugs that the suite must find.
    bugs: &'static [&'static str],
}

const SUITES: [Suite; 3] = [
    Suite {
        package: "happenstance-testkit",
        test: "happenstance",
        about: "tests of rules and of concurrent threads, and a comparison with a model of an event store",
        bugs: &["stale_head", "short_batch", "old_reads"],
    },
    Suite {
        package: "rig-memory",
        test: "rig_memory",
        about: "`check_store`, a function that checks a store through two handles",
        bugs: &["stale_head", "short_batch", "old_reads"],
    },
    Suite {
        package: "claude-agent-sdk",
        test: "claude_agent_sdk",
        about: "all tests that create a store; in Python, so they use a store through `session-store serve`",
        bugs: &["short_batch", "old_reads", "kept_session"],
    },
];

const BACKENDS: [&str; 5] = ["memory", "fs", "sqlite", "redis", "postgres"];

/// The planted bugs, which `judges/src/bugs.rs` and `judges/python/session_store_plugin.py` have.
const BUGS: [(&str, &str); 4] = [
    ("stale_head", "`append_if` ignores the expected head"),
    ("short_batch", "a batch is stored without its last entry"),
    ("old_reads", "a handle returns the entries of its first read again"),
    ("kept_session", "`delete_session` deletes nothing"),
];

/// The folder for packages and builds.
const TARGET: &str = "target/judges";

const HEAD: &str = "\
# Results of suites of other projects

`cargo xtask judges` writes this page. The command runs test suites that other projects wrote for
their own stores. Adapters in [judges](../judges/Cargo.toml) put our stores in the place of those
stores.
";

const CANNOT_RUN: &str = "
Some tests need a read that fails, a batch that fails halfway, a limit on sizes, an entry that is
stored but not visible yet, or a storage that survives its process. A test cannot run if the backend
does not have what the test needs.
";

/// The numbers of tests in a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    /// Tests that could not run. The suite counts them as passed.
    skipped: usize,
}

/// Runs every suite, and writes the results to `docs/judges.md`.
///
/// Before a suite runs over the backends, it must find planted bugs.
pub(crate) fn run(shell: &Shell) -> Done {
    requirements::ensure(shell)?;
    let root = shell.current_dir();
    let python = root.join(TARGET).join("python");
    let version = prepare_python(shell, &python)?;
    cmd!(shell, "cargo build --package session-store-cli").run()?;
    let _package =
        shell.push_env("SESSION_STORE_SDK", python.join(format!("claude_agent_sdk-{version}")));
    let _python = shell.push_env("SESSION_STORE_PYTHON", python.join("bin/python"));
    let _command = shell.push_env("SESSION_STORE_COMMAND", root.join("target/debug/session-store"));
    let _target = shell.push_env("CARGO_TARGET_DIR", root.join(TARGET));

    let mut results = BTreeMap::new();
    for suite in &SUITES {
        for bug in suite.bugs {
            find_bug(shell, suite, bug)?;
        }
        for backend in BACKENDS {
            results.insert((suite.test, backend), judge(shell, suite, backend)?);
        }
    }
    let lock = fs::read_to_string(root.join("judges/Cargo.lock"))?;
    let version_of = |package: &str| locked_version(&lock, package).unwrap_or(&version).to_owned();
    fs::write(root.join("docs/judges.md"), page(&results, version_of))?;
    Ok(())
}

/// Installs the Python packages, and unpacks the tests of the suite. Returns its version.
fn prepare_python(shell: &Shell, folder: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let list = "judges/python/requirements.txt";
    let text = shell.read_file(list)?;
    let suite = text.lines().find(|line| line.starts_with("claude-agent-sdk=="));
    let suite = suite.ok_or_else(|| format!("{list} does not have claude-agent-sdk"))?;
    let (_, version) = suite.split_once("==").unwrap_or_default();
    cmd!(shell, "python3 -m venv {folder}").run()?;
    let pip = folder.join("bin/pip");
    // Only the source package has the tests.
    let source = ["--quiet", "--disable-pip-version-check", "--no-binary=claude-agent-sdk"];
    cmd!(shell, "{pip} install {source...} --requirement {list}").run()?;
    cmd!(shell, "{pip} download {source...} --no-deps --dest {folder} {suite}").run()?;
    let archive = folder.join(format!("claude_agent_sdk-{version}.tar.gz"));
    cmd!(shell, "tar -xzf {archive} -C {folder}").run()?;
    Ok(version.to_owned())
}

/// Fails unless at least one test of the suite fails over a store with a planted bug.
fn find_bug(shell: &Shell, suite: &Suite, bug: &str) -> Done {
    eprintln!("{}: planted bug {bug}", suite.package);
    let _bug = shell.push_env("SESSION_STORE_PLANTED_BUG", bug);
    let (_, text) = output(shell, suite, "memory")?;
    if counts(&text).failed == 0 {
        let package = suite.package;
        return Err(format!(
            "{package} does not find the planted bug {bug}, so it cannot judge a store:\n{text}"
        )
        .into());
    }
    Ok(())
}

/// Runs a suite over a backend. Fails if a test fails.
fn judge(
    shell: &Shell,
    suite: &Suite,
    backend: &str,
) -> Result<Counts, Box<dyn std::error::Error>> {
    eprintln!("{} over {backend}", suite.package);
    let (succeeded, text) = output(shell, suite, backend)?;
    let counts = counts(&text);
    if !succeeded || counts.failed > 0 || counts.passed == 0 {
        return Err(format!("{} over {backend} fails:\n{text}", suite.package).into());
    }
    Ok(counts)
}

/// Returns whether the tests of a backend succeed, and their output.
fn output(
    shell: &Shell,
    suite: &Suite,
    backend: &str,
) -> Result<(bool, String), Box<dyn std::error::Error>> {
    let (test, filter) = (suite.test, format!("{backend}::"));
    let _folder = shell.push_dir("judges");
    // Remove this variable, because it would override the newer version of Rust that the folder
    // selects.
    let output = cmd!(shell, "cargo test --locked --test {test} {filter} -- --nocapture")
        .env_remove("RUSTUP_TOOLCHAIN")
        .ignore_status()
        .quiet()
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// Counts the tests in the output of `cargo test`, or of pytest if the test has run pytest.
fn counts(output: &str) -> Counts {
    let is_of_pytest = |line: &&str| line.contains(" in ") && !line.starts_with("test ");
    let has_counts = |line: &&str| number(line, "passed") + number(line, "failed") > 0;
    let mut summaries = output.lines().filter(has_counts);
    let summary = summaries.clone().find(is_of_pytest).or_else(|| summaries.next());
    let summary = summary.unwrap_or_default();
    let skipped = output.lines().filter(|line| line.contains("SKIP ")).count();
    Counts {
        passed: number(summary, "passed").saturating_sub(skipped),
        failed: number(summary, "failed"),
        skipped: skipped + number(summary, "skipped"),
    }
}

/// Returns the number before a word, or 0.
fn number(line: &str, word: &str) -> usize {
    let words: Vec<_> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let pair = words.windows(2).find(|pair| pair[1] == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// Returns the version of a package in the text of a lock file.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

fn page(results: &BTreeMap<(&str, &str), Counts>, version_of: impl Fn(&str) -> String) -> String {
    let mut page = String::from(HEAD);
    page += "\n| suite | version | content |\n|---|---|---|\n";
    for Suite { package, about, .. } in &SUITES {
        let _ = writeln!(page, "| {package} | {} | {about} |", version_of(package));
    }
    page += "\n## Tests\n\n| suite | backend | passed | cannot run | failed |\n";
    page += "|---|---|---:|---:|---:|\n";
    for Suite { package, test, .. } in &SUITES {
        for backend in BACKENDS {
            let Counts { passed, failed, skipped } = &results[&(*test, backend)];
            let _ = writeln!(page, "| {package} | {backend} | {passed} | {skipped} | {failed} |");
        }
    }
    page += CANNOT_RUN;
    page += "\n## Planted bugs\n\n\
             The results of a suite count only if it finds each of its bugs in an adapter. – means \
             that a\nsuite does not test this.\n\n";
    let packages = SUITES.map(|suite| suite.package);
    let _ = writeln!(page, "| bug | {} |", packages.join(" | "));
    let _ = writeln!(page, "|---|{}", ":---:|".repeat(packages.len()));
    for (bug, about) in BUGS {
        let found = SUITES.map(|suite| if suite.bugs.contains(&bug) { "found" } else { "–" });
        let _ = writeln!(page, "| {about} | {} |", found.join(" | "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_in_the_output_of_both_programs() {
        let libtest = "SKIP a: no\ntest b::SKIP c: no\n\
                       test result: ok. 104 passed; 0 failed; 0 ignored; finished in 2.00s\n";
        assert_eq!(counts(libtest), Counts { passed: 102, failed: 0, skipped: 2 });
        let pytest = "1 failed, 354 passed in 38.90s\ntest memory::check ... FAILED\n\
                      test result: FAILED. 0 passed; 1 failed; 0 ignored; finished in 60.68s\n";
        assert_eq!(counts(pytest), Counts { passed: 354, failed: 1, skipped: 0 });
        assert_eq!(counts("error: could not compile"), Counts::default());
    }

    #[test]
    fn a_version_is_found_in_a_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n";
        assert_eq!(locked_version(lock, "a"), Some("1.2.3"));
        assert_eq!(locked_version(lock, "b"), None);
    }
}
