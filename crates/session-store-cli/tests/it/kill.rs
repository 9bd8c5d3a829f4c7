//! Tests of `append` that kill the program at random moments, also with several writers on one
//! segment. An entry whose count was printed must be stored exactly once and whole.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::process::ChildStdin;
use std::thread::{self, JoinHandle};

use rstest::rstest;
use test_deadlines::Process;

use crate::program::{Kind, Place, SEGMENT, SESSION, append, program, run};

/// Returns an entry. Its size is not a multiple of a block or a page.
fn entry(writer: usize, number: usize) -> String {
    let padding = "x".repeat(number * 7919 % 6007);
    format!("{{\"writer\":{writer},\"number\":{number},\"padding\":\"{padding}\"}}\n")
}

fn spawn(url: &str) -> Process {
    Process::start(&mut program(["append", url, "--session", SESSION, "--segment", SEGMENT]))
}

/// Writes entries until the program ends, so that it is always appending one.
fn feed(mut stdin: ChildStdin, writer: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut number = 0;
        while stdin.write_all(entry(writer, number).as_bytes()).is_ok() {
            number += 1;
        }
    })
}

fn kill_after(child: &mut Process, printed_bytes: usize, busy: usize) -> Vec<usize> {
    let mut stdout = child.stdout.take().expect("standard output is a pipe");
    let mut printed = vec![0; printed_bytes];
    stdout.read_exact(&mut printed).expect("standard output can be read");
    // A random delay, so that the kill hits any step of the program.
    for _ in 0..busy {
        std::hint::spin_loop();
    }
    child.kill();
    stdout.read_to_end(&mut printed).expect("standard output can be read");
    let text = String::from_utf8(printed).expect("the counts are UTF-8");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|count| count.parse().expect("each line is a count")).collect()
}

#[rstest]
fn entries_are_whole_after_a_kill_at_any_moment(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    let random = RandomState::new();
    let mut before = 0;
    for round in 0..20 {
        let mut child = spawn(&url);
        let writer = feed(child.stdin.take().expect("standard input is a pipe"), round);
        let moment = random.hash_one(round);
        let counts =
            kill_after(&mut child, 2 + (moment % 60) as usize, (moment >> 8) as usize % 50_000);
        writer.join().expect("the program reads its input");

        let last = *counts.last().expect("the program printed a count");
        assert_eq!(counts, (before + 1..=last).collect::<Vec<_>>(), "every count is printed");
        let log = run(["show", &url, SEGMENT]).ok();
        let lines: Vec<_> = log.split_inclusive('\n').skip(before).collect();
        let expected: Vec<_> = (0..lines.len()).map(|number| entry(round, number)).collect();
        assert_eq!(lines, expected, "the entries of this round are each stored once and whole");
        let after = before + lines.len();
        assert!((last..=last + 1).contains(&after), "printed {last}, stored {after}");
        before = after;
    }
    assert_eq!(append(&url, "{}\n"), format!("{}\n", before + 1), "the next append works");
}

#[rstest]
fn several_writers_get_different_counts(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    const WRITERS: usize = 4;
    const ENTRIES: usize = 60;
    let place = Place::new();
    let url = place.url(kind, "a");
    let mut children: Vec<_> = (0..WRITERS).map(|_| spawn(&url)).collect();
    let feeders: Vec<_> = children
        .iter_mut()
        .enumerate()
        .map(|(writer, child)| {
            let mut stdin = child.stdin.take().expect("standard input is a pipe");
            thread::spawn(move || {
                for number in 0..ENTRIES {
                    stdin
                        .write_all(entry(writer, number).as_bytes())
                        .expect("the program reads its input");
                }
            })
        })
        .collect();
    let mut counts = vec![Vec::new(); WRITERS];
    for (child, counts) in children.into_iter().zip(&mut counts) {
        let output = child.wait_with_output();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("the counts are UTF-8");
        counts.extend(
            text.lines().map(|count| count.parse::<usize>().expect("each line is a count")),
        );
    }
    feeders.into_iter().for_each(|feeder| feeder.join().expect("the program reads its input"));

    let distinct: HashSet<_> = counts.iter().flatten().collect();
    assert_eq!(distinct.len(), WRITERS * ENTRIES, "no two writers printed the same count");
    let log = run(["show", &url, SEGMENT]).ok();
    let lines: Vec<_> = log.split_inclusive('\n').collect();
    assert_eq!(lines.len(), WRITERS * ENTRIES);
    for (writer, counts) in counts.iter().enumerate() {
        assert_counts_are_positions(&lines, writer, counts);
    }
}

#[rstest]
fn several_writers_can_be_killed(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    const WRITERS: usize = 3;
    let place = Place::new();
    let url = place.url(kind, "a");
    let random = RandomState::new();
    for round in 0..6 {
        let ids = round * WRITERS..(round + 1) * WRITERS;
        let mut children: Vec<_> = ids.clone().map(|_| spawn(&url)).collect();
        let feeders: Vec<_> = children
            .iter_mut()
            .zip(ids.clone())
            .map(|(child, writer)| {
                feed(child.stdin.take().expect("standard input is a pipe"), writer)
            })
            .collect();
        let mut counts = Vec::new();
        for child in &mut children {
            let moment = random.hash_one(child.id());
            counts.push(kill_after(
                child,
                2 + (moment % 40) as usize,
                (moment >> 8) as usize % 50_000,
            ));
        }
        feeders.into_iter().for_each(|feeder| feeder.join().expect("the program reads its input"));

        let log = run(["show", &url, SEGMENT]).ok();
        let lines: Vec<_> = log.split_inclusive('\n').collect();
        for (writer, counts) in ids.zip(&counts) {
            assert_counts_are_positions(&lines, writer, counts);
            let mine = format!("{{\"writer\":{writer},");
            let stored: Vec<_> = lines.iter().filter(|line| line.starts_with(&mine)).collect();
            let expected: Vec<_> = (0..stored.len()).map(|number| entry(writer, number)).collect();
            assert_eq!(
                stored,
                expected.iter().collect::<Vec<_>>(),
                "each once, whole and in order"
            );
            let unprinted = stored.len() - counts.len();
            assert!(unprinted <= 1, "{unprinted} entries were stored and not printed");
        }
    }
}

/// Asserts that the nth count of a writer is the position of its nth entry in the log.
#[track_caller]
fn assert_counts_are_positions(lines: &[&str], writer: usize, counts: &[usize]) {
    for (number, count) in counts.iter().enumerate() {
        assert_eq!(lines[count - 1], entry(writer, number));
    }
}
