//! `tail`: the last entries, and with `-f` whatever becomes of the log.

use std::fs::{self, OpenOptions};
use std::io::Write;

use rstest::rstest;

use crate::program::{Kind, NOWHERE, Place, SEGMENT, SESSION, append, run, run_with};

fn log(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

#[rstest]
fn the_last_entries_as_many_as_asked_for(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
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
fn of_a_trace_too(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
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
        let message = run(["tail", &url, NOWHERE].into_iter().chain(more)).refused(3);
        assert!(message.contains(NOWHERE), "{message}");
    }
    run(["tail", &url, SEGMENT, "--interval", "1s"]).refused(2);
}

#[test]
fn a_bad_line_is_named_and_passed_over_and_a_torn_end_is_no_line() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let path = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(&path, "no entry\n{\"n\":2}\n{}{}\n{\"n\":4}\n{\"to").unwrap();
    assert_eq!(run(["tail", &url, SEGMENT, "-n", "1"]).ok(), log([4]));
    let ended = run(["tail", &url, SEGMENT, "-n", "3"]);
    assert_eq!((ended.status, ended.stdout), (Some(3), log([2, 4])));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
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

    /// The program following a log. What it does is waited for by what it says.
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
            let stderr = child.stderr.take().expect("its messages are a pipe");
            Self { child, stdout, stderr: BufReader::new(stderr).lines() }
        }

        /// The next entries that it prints.
        #[track_caller]
        fn prints(&mut self, expected: &str) {
            let stdout = self.stdout.as_mut().expect("it was not closed");
            for expected in expected.lines() {
                let line = stdout.next().expect("it goes on").expect("read its output");
                assert_eq!(line, expected);
            }
        }

        /// The next line on its standard error.
        #[track_caller]
        fn says(&mut self, expected: &str) {
            let message = self.stderr.next().expect("it goes on").expect("read its messages");
            assert!(message.contains(expected) && message.contains(SEGMENT), "{message}");
        }

        /// Terminates it. It must not have printed or reported more than was read.
        fn end(mut self) -> ExitStatus {
            self.child.terminate();
            assert!(self.stdout.as_mut().expect("it was not closed").next().is_none());
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

    /// Another log in place of the one that is followed.
    fn replace(url: &str, numbers: impl IntoIterator<Item = usize>) {
        let ids = ["--session", SESSION, "--segment", SEGMENT];
        let create = ["create", url, "-", "--replace"].into_iter().chain(ids);
        run_with(create, log(numbers)).ok();
    }

    #[rstest]
    fn what_is_appended_is_printed_until_it_is_terminated(
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
    fn of_a_trace_too(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
        let (_place, url, mut follower) = followed(kind, 1, &["--trace"]);
        let trace = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"];
        run_with(trace, log([1, 1])).ok();
        follower.prints(&log([1, 1]));
        run_with(trace, log([1, 2])).ok();
        follower.prints(&log([1, 2]));
        run(["rm", &url, SEGMENT, "--yes"]).ok();
        follower.says("was truncated or replaced; continuing after entry 0");
        run_with(trace, log([3])).ok();
        follower.prints(&log([3]));
        follower.end();
    }

    #[rstest]
    fn a_log_that_is_cut_is_followed_from_there(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
        let (_place, url, mut follower) = followed(kind, 5, &["-n", "1"]);
        follower.prints(&log([5]));
        run(["truncate", &url, SEGMENT, "2"]).ok();
        follower.says("was truncated or replaced; continuing after entry 2");
        append(&url, &log([6]));
        follower.prints(&log([6]));
        follower.end();
    }

    #[rstest]
    #[case::shorter(&[3], 3)]
    #[case::to_the_same_length_and_end(&[5, 4, 6], 3)]
    #[case::longer(&[6, 7, 8, 9], 3)]
    #[case::in_part_to_what_it_was(&[4, 7], 4)]
    fn a_log_that_is_another_in_part_is_printed_from_where_it_differs(
        #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
        #[case] grown: &[usize],
        #[case] same: usize,
    ) {
        let (_place, url, mut follower) = followed(kind, 6, &["-n", "1"]);
        follower.prints(&log([6]));
        // In one step, so that it can't be seen half done.
        replace(&url, (1..=3).chain(grown.iter().copied()));
        follower.says(&format!("continuing after entry {same}"));
        follower.prints(&log(grown.iter().copied().skip(same - 3)));
        follower.end();
    }

    #[rstest]
    fn a_log_that_is_replaced_is_printed_anew(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
        let (_place, url, mut follower) = followed(kind, 3, &[]);
        follower.prints(&log(1..=3));
        replace(&url, 7..=9);
        follower.says("was truncated or replaced; continuing after entry 0");
        follower.prints(&log(7..=9));
        follower.end();
    }

    #[test]
    fn a_long_log_that_is_replaced_is_followed_from_its_last_entries() {
        let (_place, url, mut follower) = followed(Kind::Sqlite, 2_000, &["-n", "2"]);
        follower.prints(&log(1_999..=2_000));
        replace(&url, 5_001..=5_500);
        follower.says("was truncated or replaced; continuing with its last entries");
        follower.prints(&log(5_499..=5_500));
        append(&url, &log([1]));
        follower.prints(&log([1]));
        follower.end();
    }

    #[rstest]
    fn a_log_that_is_deleted_is_waited_for(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
        let (_place, url, mut follower) = followed(kind, 3, &["-n", "1"]);
        follower.prints(&log([3]));
        run(["rm", &url, SEGMENT, "--yes"]).ok();
        follower.says("was deleted; waiting until it exists again");
        run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], log(7..=9))
            .ok();
        follower.says("exists again");
        follower.prints(&log(7..=9));
        follower.end();
    }

    #[test]
    fn what_other_programs_leave_in_the_file_is_told_and_passed_over() {
        let (place, url, mut follower) = followed(Kind::Fs, 1, &[]);
        follower.prints(&log([1]));
        let path = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"n\":2}\nno entry\n{\"n\":4}\n{\"torn").unwrap();
        follower.says("at line 3:");
        follower.prints(&log([2, 4]));
        // The next append moves the torn end aside.
        append(&url, &log([5]));
        follower.prints(&log([5]));
        follower.end();
    }

    #[test]
    fn it_ends_when_nobody_reads_it_any_more_although_nothing_is_appended() {
        let (_place, _url, mut follower) = followed(Kind::Fs, 1, &[]);
        follower.prints(&log([1]));
        drop(follower.stdout.take());
        assert_eq!(follower.child.wait().code(), Some(141));
        assert!(follower.stderr.next().is_none());
    }
}
