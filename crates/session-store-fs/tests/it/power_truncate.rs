//! Power cuts in the middle of a truncation.
//!
//! After a power cut the log is as it was before the truncation or as it is after it
//! ([T6](session_store_core::contract#t6)). A file system can keep the old length of a file and
//! write NULs from its new end to the end of the block, which is neither. The durability does not
//! matter, except that with `Process` the latest changes can be lost.

use std::io::Write;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use session_store_core::{Durability, LogEntry, SegmentId, SessionId, Store};
use session_store_fs::{FsOptions, FsStore};
use test_servers::power_cut::{self, FileSystem};
use uuid::Uuid;

use crate::entry;

/// The environment variable with the child's store and durability.
const JOB: &str = "SESSION_STORE_FS_TRUNCATE";

/// Writers of different segments, so that nearly every cut hits a truncation.
const WRITERS: usize = 4;

const CUTS: usize = 100;

/// The number of entries of each batch.
const BATCH: usize = 40;

/// One step of a writer. A batch and a truncation alternate.
enum Step {
    Append(Vec<LogEntry>),
    Truncate(usize),
}

impl Step {
    fn of(writer: usize, n: usize) -> Self {
        if n % 2 == 1 {
            return Self::Truncate(n * 13 % 37);
        }
        // Odd sizes, since a truncation at the end of a block writes no NULs.
        let text = |i: usize| {
            let filler = "x".repeat((n * 31 + i * 101) % 701);
            format!("{{\"writer\":{writer},\"step\":{n},\"i\":{i},\"filler\":\"{filler}\"}}")
        };
        Self::Append((0..BATCH).map(|i| entry(&text(i))).collect())
    }
}

fn ids(writer: usize) -> (SessionId, SegmentId) {
    (Uuid::from_u128(7).into(), Uuid::from_u128(writer as u128 + 1).into())
}

#[test]
#[ignore = "run by torture_a_power_cut_leaves_a_truncation_done_or_undone"]
fn child_that_truncates_until_killed() {
    let job = std::env::var(JOB).expect("another test runs this one and sets the variable");
    let (durability, root) = job.split_once(' ').unwrap();
    let options = FsOptions::new().create(true).durability(durability.parse().unwrap());
    let store = options.open(root).unwrap();
    // The test program has begun a line with the name of this test.
    println!();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                let (session, segment) = ids(writer);
                for n in 0.. {
                    match Step::of(writer, n) {
                        Step::Append(batch) => store.append_all(session, segment, &batch).unwrap(),
                        Step::Truncate(kept) => store.truncate(session, segment, kept).unwrap(),
                    }
                    writeln!(std::io::stdout(), "acknowledged {writer}").unwrap();
                }
            });
        }
    });
}

/// Returns whether the entries are those of one of the numbers of steps.
///
/// A batch may be stored in part ([A7](session_store_core::contract#a7)).
fn is_explained(found: &[LogEntry], writer: usize, steps: &RangeInclusive<usize>) -> bool {
    let mut log: Vec<LogEntry> = Vec::new();
    let at_least = *steps.start();
    (0..*steps.end()).any(|n| {
        let before = log.len();
        match Step::of(writer, n) {
            Step::Append(batch) => log.extend(batch),
            Step::Truncate(kept) => log.truncate(kept),
        }
        let shortest = if n + 1 > at_least { before.min(log.len()) } else { log.len() };
        n + 1 >= at_least && found.len() >= shortest && log.starts_with(found)
    }) || at_least == 0 && found.is_empty()
}

/// Returns the segments that are neither as before a step nor as after it, or do not work.
fn ruined(root: &Path, steps_of: impl Fn(usize) -> RangeInclusive<usize>) -> Vec<String> {
    let Ok(store) = FsStore::open(root) else { return vec!["the store".into()] };
    let mut ruined = Vec::new();
    for writer in 0..WRITERS {
        let (session, segment) = ids(writer);
        let steps = steps_of(writer);
        if !store.exists(session, segment).unwrap() && *steps.start() == 0 {
            continue;
        }
        let found = match store.read_all(session, segment) {
            Ok(found) => found,
            Err(error) => {
                ruined.push(error.to_string());
                continue;
            }
        };
        if !is_explained(&found, writer, &steps) {
            ruined.push(format!("{segment}: {} entries after {steps:?} steps", found.len()));
        }
        // The next change finishes what the cut left.
        store.append(session, segment, &entry("{}")).unwrap();
        let expected = [found, vec![entry("{}")]].concat();
        for store in [&store, &FsStore::open(root).unwrap()] {
            assert_eq!(store.read_all(session, segment).unwrap(), expected);
        }
    }
    ruined
}

#[rstest]
#[case::ext4(FileSystem::Ext4, Durability::Power)]
#[case::xfs(FileSystem::Xfs, Durability::Power)]
#[case::ext4_process(FileSystem::Ext4, Durability::Process)]
#[case::xfs_process(FileSystem::Xfs, Durability::Process)]
#[ignore = "needs root, loop devices, mkfs.ext4, mkfs.xfs and python3: cargo xtask torture"]
fn torture_a_power_cut_leaves_a_truncation_done_or_undone(
    #[case] file_system: FileSystem,
    #[case] durability: Durability,
) {
    let mut failures = Vec::new();
    for cut in 0..CUTS {
        let writer = |root: &Path| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let name = "power_truncate::child_that_truncates_until_killed";
            child.args(["--exact", name, "--include-ignored", "--nocapture"]);
            child.env(JOB, format!("{durability} {}", root.display()));
            child
        };
        let found = power_cut::cut(file_system, 20 + cut, writer, |root, reports| {
            let count = |lines: &[String], writer: usize| {
                lines.iter().filter(|line| **line == format!("acknowledged {writer}")).count()
            };
            ruined(root, |writer| {
                let (before, after) =
                    (count(&reports.before, writer), count(&reports.after, writer));
                match durability {
                    Durability::Power => before..=before + after + 1,
                    Durability::Process => 0..=before + after + 1,
                }
            })
        });
        failures.extend(found.into_iter().map(|failure| format!("cut {cut}: {failure}")));
    }
    assert!(failures.is_empty(), "{} in {CUTS} cuts:\n{}", failures.len(), failures.join("\n"));
}
