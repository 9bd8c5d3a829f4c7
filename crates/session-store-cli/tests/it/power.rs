//! Tests of a power cut directly after a command that has changed a store and ended with success.

use std::path::Path;
use std::process::Command;

use rstest::rstest;
use test_deadlines::Process;
use test_servers::power_cut;

use crate::program::{Kind, Place, SEGMENT, SESSION};

/// A shell script that runs in the folder of the input files. `$1` is the URL of the store.
fn script(folder: &Path, url: &str, text: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", text, "sh", url]).current_dir(folder);
    shell.env("P", env!("CARGO_BIN_EXE_session-store"));
    shell.env("SESSION", SESSION).env("SEGMENT", SEGMENT);
    shell
}

fn output(folder: &Path, url: &str, text: &str) -> String {
    let output = Process::output(&mut script(folder, url, text));
    assert!(output.status.success(), "{text}: {output:?}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// Creates the input of the commands: a log, and a store with its backup.
fn prepare(folder: &Path) {
    const INPUT: &str = r#"
        echo '{"a":1}' >$SEGMENT.jsonl
        $P create fs:source $SEGMENT.jsonl --session $SESSION --segment $SEGMENT
        $P pods put fs:source me --session $SESSION
        $P export fs:source backup.tar.zst
        $P export --no-pods fs:source bare.tar.zst
    "#;
    output(folder, "", INPUT);
}

#[rstest]
#[case::import("$P import $SEGMENT.jsonl $1")]
#[case::append("$P append $1 --session $SESSION --segment $SEGMENT <$SEGMENT.jsonl")]
#[case::create("$P create $1 $SEGMENT.jsonl --session $SESSION --segment $SEGMENT")]
#[case::truncate("$P migrate fs:source $1; sync -f ${1#*:}; $P truncate $1 $SEGMENT 0 --yes")]
#[case::rm("$P migrate fs:source $1; sync -f ${1#*:}; $P rm --yes $1 $SEGMENT")]
#[case::pods_put("$P pods put $1 me --session $SESSION")]
#[case::pods_rm("$P migrate fs:source $1; sync -f ${1#*:}; $P pods rm $1 me --yes")]
#[case::migrate("$P migrate fs:source $1")]
#[case::restore("$P restore backup.tar.zst $1")]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_a_power_cut_after_success_loses_nothing(
    #[case] command: &str,
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
) {
    const QUESTION: &str = "$P check $1; $P search $1 a || true; $P ls $1; $P pods ls $1";
    let place = Place::new();
    let folder = place.path("");
    prepare(&folder);
    let url = place.url(kind, "expected");
    output(&folder, &url, command);
    let expected = output(&folder, &url, QUESTION);

    let steps = format!("{command}; echo acknowledged; exec sleep 60");
    let writer = |storage: &Path| script(&folder, &url_of(kind, storage), &steps);
    let survived = power_cut::survives(1, writer, |storage, _| {
        output(&folder, &url_of(kind, storage), QUESTION) == expected
    });
    assert!(survived);
}

fn url_of(kind: Kind, storage: &Path) -> String {
    match kind {
        Kind::Fs => format!("fs:{}", storage.display()),
        Kind::Sqlite => format!("sqlite:{}", storage.display()),
    }
}

/// A process stores the entry, and is killed before it syncs the entry. The command of the test
/// then finds nothing to store, but must still sync the entry.
#[rstest]
#[case::migrate("$P migrate --no-pods fs:source")]
#[case::restore("$P restore bare.tar.zst")]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_a_power_cut_after_a_command_that_stores_nothing_loses_nothing(
    #[case] command: &str,
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[values("process", "power")] durability: &str,
) {
    const KILLED: &str = r#"
        { cat $SEGMENT.jsonl; exec sleep 60; } 2>/dev/null |
            $P append $1 --session $SESSION --segment $SEGMENT >/dev/null 2>&1 &
        for _ in $(seq 400); do
            if $P exists $1 $SEGMENT >/dev/null 2>&1; then break; fi
            sleep 0.05
        done
        kill -9 $!
    "#;
    let place = Place::new();
    let folder = place.path("");
    prepare(&folder);
    let steps = format!(
        "{KILLED} {command} $1?durability={durability} >/dev/null; echo acknowledged; exec sleep 60"
    );
    let writer = |storage: &Path| script(&folder, &url_of(kind, storage), &steps);
    let survived = power_cut::survives(1, writer, |storage, _| {
        let question = "$P exists $1 $SEGMENT || true";
        output(&folder, &url_of(kind, storage), question) == "yes\n"
    });
    assert!(survived);
}
