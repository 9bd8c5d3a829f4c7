//! Tests of threads that share commits with `Power` while the process is killed or the power is cut
//! ([S3](session_store_core::contract#s3), [S4](session_store_core::contract#s4)).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use session_store_core::{Durability, LogEntry, SegmentId, SessionId, Store};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use test_deadlines::{child_job, child_test, exit_at_deadline};
use test_servers::power_cut::{self, FileSystem};
use uuid::Uuid;

const THREADS: usize = 8;

/// Returns the log of a thread. The first four threads have the same log.
fn log_of(thread: usize) -> (SessionId, SegmentId) {
    let id = |n: usize| Uuid::from_u128(0x7000_0000_0000_0000_0000 + n as u128);
    (id(0).into(), id(thread.saturating_sub(3)).into())
}

fn entry_of(thread: usize, n: usize) -> LogEntry {
    let padding = "y".repeat(n * 997 % 3000);
    LogEntry::from_json(format!(r#"{{"thread":{thread},"n":{n},"x":"{padding}"}}"#)).unwrap()
}

#[test]
#[ignore = "runs in a child process of the tests below"]
fn child_that_appends_by_threads_until_killed() {
    exit_at_deadline();
    let options = SqliteOptions::new().create(true).durability(Durability::Power);
    let store = &options.open(child_job()).unwrap();
    let append = |at: usize| {
        let (session, segment) = log_of(at);
        for n in 0.. {
            store.append(session, segment, &entry_of(at, n)).unwrap();
            println!("acknowledged {at}");
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|at| drop(scope.spawn(move || append(at)))));
}

fn writer(path: &Path) -> Command {
    let child = "group_commit::child_that_appends_by_threads_until_killed";
    child_test(child, path.display())
}

/// Checks the store after the writer has ended. Every entry of the lines in `certain` must be
/// stored. Each thread can have stored the entries of the lines in `possible` too, and one more.
fn check(path: &Path, certain: &[String], possible: &[String]) {
    let store = SqliteStore::open(path).unwrap();
    for at in 0..THREADS {
        let line = format!("acknowledged {at}");
        let count = |lines: &[String]| lines.iter().filter(|&found| *found == line).count();
        let (session, segment) = log_of(at);
        let log = store.read_all(session, segment).unwrap_or_default();
        let start = format!(r#"{{"thread":{at},"#);
        let own: Vec<_> = log.iter().filter(|entry| entry.as_json().starts_with(&start)).collect();
        let expected: Vec<_> = (0..own.len()).map(|n| entry_of(at, n)).collect();
        assert!(own.into_iter().eq(&expected), "thread {at}");
        let (least, most) = (count(certain), count(certain) + count(possible) + 1);
        let stored = expected.len();
        assert!((least..=most).contains(&stored), "thread {at}: {stored} not in {least}..={most}");
        store.append(session, segment, &entry_of(at, stored)).unwrap();
    }
}

/// Kills the writer after it has reported `appends` appends.
fn kill_after(appends: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let mut child = writer(&path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged = lines.filter(|line| line.starts_with("acknowledged"));
    let mut before: Vec<_> = acknowledged.by_ref().take(appends).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    before.extend(acknowledged);
    assert!(before.len() >= appends, "the writer has failed");
    check(&path, &before, &[]);
}

#[test]
fn a_killed_process_loses_no_acknowledged_append_of_its_threads() {
    (0..3).for_each(|kill| kill_after(1 + kill * 40));
}

#[test]
#[ignore = "takes minutes: cargo xtask torture"]
fn torture_killed_processes_lose_no_acknowledged_append_of_their_threads() {
    (0..300).for_each(|kill| kill_after(1 + kill * 7 % 400));
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_power_cuts_lose_no_acknowledged_append_of_threads() {
    for cut in 0..20 {
        power_cut::cut(FileSystem::Ext4, 1 + cut * 40, writer, |path, reports| {
            check(path, &reports.before, &reports.after);
        });
    }
}
