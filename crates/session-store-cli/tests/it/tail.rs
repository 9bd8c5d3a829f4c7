//! Tests of `tail`, which prints the last entries of a log, and with `-f` also later entries.

use std::fs::{self, OpenOptions};
use std::io::Write;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

fn log(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

#[rstest]
fn the_requested_number_of_last_entries_is_printed(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, &log(1..=12));
    assert_eq!(run(["tail", &url, SEGMENT]).ok(), log(3..=12));
    assert_eq!(run(["tail", &url, SEGMENT, "-n", "2"]).ok(), log(11..=12));
    assert_eq!(run(["tail", &url, SEGMENT, "-n0"]).ok(), "");
    let all = usize::MAX.to_string();
    assert_eq!(run(["tail", &url, SEGMENT, "--entries", &all, "--json"]).ok(), log(1..=12));
}

#[rstest]
fn the_last_entries_of_a_trace_are_printed(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    let trace = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"];
    run_with(trace, log(1..=12)).ok();
    assert_eq!(run(["tail", &url, SEGMENT, "--trace", "-n", "3"]).ok(), log(10..=12));
}

#[test]
fn an_unknown_segment_is_an_error() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    for more in [vec![], vec!["-f"], vec!["--session", SESSION]] {
        let message = run(["tail", &url, OTHER].into_iter().chain(more)).refused(4);
        assert!(message.contains(OTHER), "{message}");
    }
    run(["tail", &url, SEGMENT, "--interval", "1s"]).refused(2);
}

#[test]
fn a_bad_line_is_reported_and_skipped_and_an_incomplete_last_line_is_ignored() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let path = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(&path, "no entry\n{\"n\":2}\n{}{}\n{\"n\":4}\n{\"to").unwrap();
    assert_eq!(run(["tail", &url, SEGMENT, "-n", "1"]).ok(), log([4]));
    let ended = run(["tail", &url, SEGMENT, "-n", "3"]);
    assert_eq!((ended.status, ended.stdout), (Some(3), log([2, 4])));
    assert_eq!(ended.stderr.matches("at line ").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("at line 3:"), "{}", ended.stderr);
}

#[cfg(unix)]
mod follow {
    use std::io::{BufRead, BufReader, Lines};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{ChildStderr, ChildStdout, ExitStatus};

    use test_deadlines::Process;

    use super::*;
    use crate::program::program;

    /// A program that follows a log. The tests wait for its output.
    struct Follower {
        child: Process,
        stdout: Option<Lines<BufReader<ChildStdout>>>,
        stderr: Lines<BufReader<ChildStderr>>,
    }

    impl Follower {
        fn start(url: &str, more: &[&str]) -> Self {
            let args = ["tail", url, SEGMENT, "-f", "--interval", "10ms"];
            let mut child = Process::start(&mut program(args.iter().chain(more)));
            let stdout = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
            let stderr = child.stderr.take().expect("standard error is a pipe");
            Self { child, stdout, stderr: BufReader::new(stderr).lines() }
        }

        /// Asserts that the next printed entries are these.
        #[track_caller]
        fn prints(&mut self, expected: &str) {
            let stdout = self.stdout.as_mut().expect("standard output is open");
            for expected in expected.lines() {
                let line = stdout
                    .next()
                    .expect("the program has not ended")
                    .expect("standard output can be read");
                assert_eq!(line, expected);
            }
        }

        /// Asserts that the next line on standard error contains this text.
        #[track_caller]
        fn reports(&mut self, expected: &str) {
            let message = self
                .stderr
                .next()
                .expect("the program has not ended")
                .expect("standard error can be read");
            assert!(message.contains(expected), "{message}");
        }

        /// Terminates the program. Panics if the program has printed a line that the test has not
        /// read.
        fn end(mut self) -> ExitStatus {
            self.child.terminate();
            assert!(self.stdout.as_mut().expect("standard output is open").next().is_none());
            assert!(self.stderr.next().is_none());
            self.child.wait()
        }
    }

    fn followed(kind: Kind, entries: usize, more: &[&str]) -> (Place, String, Follower) {
        let place = Place::new();
        let url = place.url(kind, "a");
        run_with(
            ["create", &url, "-", "--session", SESSION, "--segment", SEGMENT],
            log(1..=entries),
        )
        .ok();
        let follower = Follower::start(&url, more);
        (place, url, follower)
    }

    /// Replaces the log that is followed.
    fn replace(url: &str, numbers: impl IntoIterator<Item = usize>) {
        let ids = ["--session", SESSION, "--segment", SEGMENT];
        let create = ["create", url, "-", "--replace"].into_iter().chain(ids);
        run_with(create, log(numbers)).ok();
    }

    #[rstest]
    fn new_entries_are_printed_until_the_program_is_terminated(
        #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    ) {
        let (_place, url, mut follower) = followed(kind, 3, &["-n", "2"]);
        follower.prints(&log(2..=3));
        append(&url, &log([4]));
        follower.prints(&log([4]));
        append(&url, &log(5..=40));
        follower.prints(&log(5..=40));
        assert_eq!(follower.end().signal(), Some(15), "it leaves the signal's default as it is");
    }

    #[rstest]
    fn a_trace_is_followed(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
        let (_place, url, mut follower) = followed(kind, 1, &["--trace"]);
        let trace = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"];
        run_with(trace, log([1, 1])).ok();
        follower.prints(&log([1, 1]));
        run_with(trace, log([1, 2])).ok();
        follower.prints(&log([1, 2]));
        run(["rm", &url, SEGMENT, "--yes"]).ok();
        follower.reports("was truncated or replaced; continuing after entry 0");
        run_with(trace, log([3])).ok();
        follower.prints(&log([3]));
        follower.end();
    }

    #[rstest]
    fn a_truncated_log_is_followed_from_its_new_end(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
        let (_place, url, mut follower) = followed(kind, 5, &["-n", "1"]);
        follower.prints(&log([5]));
        run(["truncate", &url, SEGMENT, "2", "--yes"]).ok();
        follower.reports("was truncated or replaced; continuing after entry 2");
        append(&url, &log([6]));
        follower.prints(&log([6]));
        follower.end();
    }

    #[rstest]
    #[case::shorter(&[3], 3)]
    #[case::to_the_same_length_and_end(&[5, 4, 6], 3)]
    #[case::longer(&[6, 7, 8, 9], 3)]
    #[case::in_part_to_what_it_was(&[4, 7], 4)]
    fn a_replaced_log_is_printed_from_the_first_difference(
        #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
        #[case] grown: &[usize],
        #[case] same: usize,
    ) {
        let (_place, url, mut follower) = followed(kind, 6, &["-n", "1"]);
        follower.prints(&log([6]));
        // The log is replaced in one step, so that the program cannot read half of it.
        replace(&url, (1..=3).chain(grown.iter().copied()));
        follower.reports(&format!("continuing after entry {same}"));
        follower.prints(&log(grown.iter().copied().skip(same - 3)));
        follower.end();
    }

    #[rstest]
    fn a_log_of_other_entries_is_printed_from_its_start(
        #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    ) {
        let (_place, url, mut follower) = followed(kind, 3, &[]);
        follower.prints(&log(1..=3));
        replace(&url, 7..=9);
        follower.reports("was truncated or replaced; continuing after entry 0");
        follower.prints(&log(7..=9));
        follower.end();
    }

    #[test]
    fn a_long_replaced_log_is_followed_from_its_last_entries() {
        let (_place, url, mut follower) = followed(Kind::Sqlite, 2_000, &["-n", "2"]);
        follower.prints(&log(1_999..=2_000));
        replace(&url, 5_001..=5_500);
        follower.reports("was truncated or replaced; continuing with its last entries");
        follower.prints(&log(5_499..=5_500));
        append(&url, &log([1]));
        follower.prints(&log([1]));
        follower.end();
    }

    #[rstest]
    fn a_deleted_log_is_followed_again_when_it_exists(
        #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    ) {
        let (_place, url, mut follower) = followed(kind, 3, &["-n", "1"]);
        follower.prints(&log([3]));
        run(["rm", &url, SEGMENT, "--yes"]).ok();
        follower.reports("was deleted; waiting until it exists again");
        run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], log(7..=9))
            .ok();
        follower.reports("exists again");
        follower.prints(&log(7..=9));
        follower.end();
    }

    #[test]
    fn bad_lines_of_other_programs_are_reported_and_skipped() {
        let (place, url, mut follower) = followed(Kind::Fs, 1, &[]);
        follower.prints(&log([1]));
        let path = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"n\":2}\nno entry\n{\"n\":4}\n{\"torn").unwrap();
        follower.reports("at line 3:");
        follower.reports("session-store check STORE");
        follower.prints(&log([2, 4]));
        // The next append moves the incomplete line to another file.
        append(&url, &log([5]));
        follower.prints(&log([5]));
        follower.end();
    }

    #[test]
    fn a_closed_pipe_ends_the_program_even_without_new_entries() {
        let (_place, _url, mut follower) = followed(Kind::Fs, 1, &[]);
        follower.prints(&log([1]));
        drop(follower.stdout.take());
        assert_eq!(follower.child.wait().code(), Some(141));
        assert!(follower.stderr.next().is_none());
    }
}
