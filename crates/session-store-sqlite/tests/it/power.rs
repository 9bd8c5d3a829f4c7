//! Tests of durability. A child process changes a store in steps until the power is cut. Afterwards
//! every acknowledged step must be stored, and at most one more: the step that was in progress
//! ([S4](session_store_core::contract#s4)). After a failed sync, a handle must refuse all further
//! changes.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use rstest::rstest;
use session_store_core::{Durability, LogEntry, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use test_deadlines::{Process, child_job, child_test, child_test_under};
use test_servers::power_cut::{self, content, step};

use crate::{entry, fresh, ids};

const CUTS: usize = 20;

/// How a step is made durable before it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncPolicy {
    Never,
    EachChange,
    Sync,
}

impl SyncPolicy {
    const ALL: [Self; 3] = [Self::Never, Self::EachChange, Self::Sync];

    fn durability(self) -> Durability {
        if self == Self::EachChange { Durability::Power } else { Durability::Process }
    }

    fn open_or_create(self, path: &Path) -> SqliteStore {
        let options = SqliteOptions::new().create(true).durability(self.durability());
        options.open(path).unwrap()
    }

    fn sync(self, store: &SqliteStore) {
        if self == Self::Sync {
            store.sync().unwrap();
        }
    }
}

impl FromStr for SyncPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|policy| format!("{policy:?}") == text).ok_or(())
    }
}

/// Cuts the power after `acknowledged` steps. Returns whether all these steps survive.
fn survives(policy: SyncPolicy, acknowledged: usize) -> bool {
    let writer = |path: &Path| {
        let job = format!("{policy:?} {}", path.display());
        child_test("power::child_that_steps_until_killed", job)
    };
    power_cut::survives(acknowledged, writer, |path, steps| {
        let create = |path| SqliteStore::open_or_create(path).unwrap();
        SqliteStore::open(path).is_ok_and(|store| power_cut::holds(&store, steps, create))
    })
}

#[test]
#[ignore = "runs in a child process of the three tests below"]
fn child_that_steps_until_killed() {
    let job = child_job();
    let (policy, path) = job.split_once(' ').unwrap();
    let policy: SyncPolicy = policy.parse().unwrap();
    let store = policy.open_or_create(Path::new(path));
    power_cut::step_until_killed(&store, |store| policy.sync(store));
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_durability_power_keeps_every_acknowledged_step() {
    for cut in 0..CUTS {
        assert!(survives(SyncPolicy::EachChange, 1 + cut * 7), "after cut {cut}");
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_sync_keeps_every_step_acknowledged_before_it() {
    for cut in 0..CUTS {
        assert!(survives(SyncPolicy::Sync, 1 + cut * 7), "after cut {cut}");
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_a_power_cut_without_syncs_loses_steps() {
    assert!(
        (0..5).any(|cut| !survives(SyncPolicy::Never, 20 + cut * 10)),
        "no power cut has lost a step"
    );
}

/// Returns an entry so large that a checkpoint follows its append.
fn large() -> LogEntry {
    LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(5 << 20))).unwrap()
}

/// Opens, changes, and syncs a store while one of the syncs fails. Every call before the failed
/// sync must succeed, and every call after it must fail.
#[test]
#[ignore = "runs in a child process of another test"]
fn child_whose_sync_fails() {
    let job = child_job();
    let [policy, is_exclusive, path] = job.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let durability = policy.parse::<SyncPolicy>().unwrap().durability();
    let options = SqliteOptions::new().create(true).durability(durability);
    let options = options.exclusive(is_exclusive.parse().unwrap());
    let Ok(store) = options.open(path) else { return println!("outcome: not opened") };
    let (session, segment) = ids();
    let changes = (0..3).map(|n| if n == 1 { large() } else { entry(n) });
    let mut acknowledged = Vec::new();
    let failure = changes.into_iter().find_map(|entry| {
        // This leaves a read connection open, so that the next connection does not run recovery.
        store.list_sessions().unwrap();
        let result = store.append(session, segment, &entry).and_then(|()| {
            acknowledged.push(entry);
            store.sync()
        });
        result.err()
    });
    let Some(failure) = failure else { return println!("outcome: no failure") };
    // If the sync of a checkpoint fails, the commit before it succeeded and the next call fails.
    assert!(failure.is_indeterminate() || is_refusal(&failure), "{failure:?}");
    for refused in [store.append(session, segment, &entry(9)), store.sync()] {
        let refused = refused.unwrap_err();
        assert!(is_refusal(&refused), "{refused:?}");
    }
    let found = store.read_all(session, segment).unwrap_or_default();
    assert!(found.starts_with(&acknowledged) && found.len() <= acknowledged.len() + 1);
    drop(store);
    let reopened = SqliteStore::open(path).unwrap();
    let found_again = reopened.read_all(session, segment).unwrap_or_default();
    assert_eq!(found_again, found, "a failed change must not reappear");
    println!("outcome: stopped");
}

/// Appends until the index of the WAL cannot grow because the disk is full. At that point the WAL
/// holds the failed change.
#[test]
#[ignore = "runs in a child process of another test"]
fn child_whose_index_cannot_grow() {
    let job = child_job();
    let path = Path::new(&job);
    let store = SqliteStore::open_or_create(path).unwrap();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let reader = rusqlite::Connection::open(path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM log").unwrap();
    let stored = (1..).find(|&n| store.append(session, segment, &entry(n)).is_err()).unwrap();
    assert_eq!(store.read_entry_count(session, segment).unwrap(), stored);

    let crashed = path.with_file_name("crashed.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        // Another process copies the file. Copying the file in this process would drop SQLite's
        // locks. POSIX drops the locks of a process on a file when the process closes the file.
        let copied = Command::new("cp").args([name(path), name(&crashed)]).status().unwrap();
        assert!(copied.success());
    }
    let crashed = SqliteStore::open(crashed).unwrap();
    assert_eq!(crashed.read_entry_count(session, segment).unwrap(), stored, "after the crash");
    store.append(session, segment, &entry(stored)).unwrap();
    assert_eq!(store.read_entry_count(session, segment).unwrap(), stored + 1);
}

#[test]
#[ignore = "needs strace: cargo xtask torture"]
fn torture_a_failed_change_does_not_reappear_after_a_crash() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("sessions.db");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qqq", "-o"]).arg(folder.path().join("calls"));
    strace.arg("-P").arg(format!("{}-shm", path.display()));
    // SQLite extends the index of the WAL by 8 pages at a time, and writes to each page once. From
    // frame 4063 on, the index needs the second 8 pages. The first of them is the ninth write.
    strace.args(["--trace=pwrite64", "--inject=pwrite64:error=ENOSPC:when=9"]);
    let child = "power::child_whose_index_cannot_grow";
    let output = Process::output(&mut child_test_under(strace, child, path.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn is_refusal(error: &StoreError) -> bool {
    error.source().is_some_and(|source| source.to_string().contains("an earlier sync failed"))
}

/// Returns the outcome of a child for which only the `n`th sync of the file fails.
fn outcome(policy: SyncPolicy, is_exclusive: bool, suffix: &str, n: usize) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("sessions.db");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qqq", "-o"]).arg(folder.path().join("calls"));
    strace.arg("-P").arg(format!("{}{suffix}", path.display()));
    strace.arg("--trace=fsync,fdatasync");
    strace.arg(format!("--inject=fsync,fdatasync:error=EIO:when={n}"));
    let job = format!("{policy:?} {is_exclusive} {}", path.display());
    let child = "power::child_whose_sync_fails";
    let output = Process::output(&mut child_test_under(strace, child, job));
    assert!(output.status.success(), "sync {n}: {}", String::from_utf8_lossy(&output.stdout));
    let lines = String::from_utf8(output.stdout).unwrap();
    let outcome = lines.lines().find_map(|line| line.split_once("outcome: "));
    outcome.unwrap_or_else(|| panic!("{lines}")).1.to_owned()
}

#[rstest]
#[ignore = "needs strace: cargo xtask torture"]
fn torture_a_handle_refuses_changes_after_a_failed_sync(#[values(false, true)] is_exclusive: bool) {
    for policy in [SyncPolicy::EachChange, SyncPolicy::Sync] {
        for suffix in ["", "-wal"] {
            let outcomes = (1..).map(|n| outcome(policy, is_exclusive, suffix, n));
            let failed: Vec<_> = outcomes.take_while(|outcome| outcome != "no failure").collect();
            eprintln!("{policy:?} {suffix}: {failed:?}");
            assert!(failed.contains(&"stopped".to_owned()), "{policy:?} {suffix}: {failed:?}");
        }
    }
}

#[test]
fn handles_with_different_durability_share_a_database() {
    let (_folder, path, store) = fresh();
    store.sync().unwrap();
    let durable = SqliteOptions::new().durability(Durability::Power).open(&path).unwrap();
    for n in 0..40 {
        step(if n % 2 == 0 { &store } else { &durable }, n);
    }
    let before = content(&store);
    let (_other_folder, _, expected) = fresh();
    (0..40).for_each(|n| step(&expected, n));
    assert_eq!(before, content(&expected));
    store.sync().unwrap();
    durable.sync().unwrap();
    assert_eq!(content(&durable), before);
}
