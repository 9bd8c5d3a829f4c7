//! Durability (S4): what the writer was told must be there after a power cut; nothing but its last step may
//! be there besides. And syncs that fail, one at a time, after each of which a handle must change nothing more.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use session_store_core::{Durability, LogEntry, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use test_servers::power_cut::{self, content, step};

use crate::{entry, fresh, ids};

/// Where the child finds its store, and how durable it shall be.
const JOB: &str = "SESSION_STORE_SQLITE_POWER";

const CUTS: usize = 20;

/// Who sees to it that a step outlives a power cut before it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    Nobody,
    EachChange,
    Sync,
}

impl Keeper {
    const ALL: [Self; 3] = [Self::Nobody, Self::EachChange, Self::Sync];

    fn durability(self) -> Durability {
        if self == Self::EachChange { Durability::Power } else { Durability::Process }
    }

    fn open_or_create(self, path: &Path) -> SqliteStore {
        let mut options = SqliteOptions::new();
        options.create(true).durability(self.durability()).open(path).unwrap()
    }

    fn keep(self, store: &SqliteStore) {
        if self == Self::Sync {
            store.sync().unwrap();
        }
    }
}

impl FromStr for Keeper {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|keeper| format!("{keeper:?}") == text).ok_or(())
    }
}

/// This program, to run one of the ignored tests below.
fn child(mut program: Command, test: &str, job: &str) -> Command {
    program.args(["--exact", &format!("power::{test}"), "--include-ignored", "--nocapture"]);
    program.env(JOB, job);
    program
}

fn job() -> String {
    std::env::var(JOB).expect("only another test runs this one, with a job to do")
}

/// Cuts the power after so many acknowledged steps, and says whether all of them are there.
fn survives(keeper: Keeper, patience: usize) -> bool {
    let writer = |path: &Path| {
        let program = Command::new(std::env::current_exe().unwrap());
        child(program, "child_that_steps_until_killed", &format!("{keeper:?} {}", path.display()))
    };
    power_cut::survives(patience, writer, |path, steps| {
        let folder = tempfile::tempdir().unwrap();
        let number = std::cell::Cell::new(0);
        let fresh = || -> Box<dyn Store> {
            number.set(number.get() + 1);
            let path = folder.path().join(number.get().to_string());
            Box::new(SqliteStore::open_or_create(path).unwrap())
        };
        SqliteStore::open(path).is_ok_and(|store| power_cut::holds(&store, steps, fresh))
    })
}

#[test]
#[ignore = "run by the three below"]
fn child_that_steps_until_killed() {
    let job = job();
    let (keeper, path) = job.split_once(' ').unwrap();
    let keeper: Keeper = keeper.parse().unwrap();
    let store = keeper.open_or_create(Path::new(path));
    let mut out = std::io::stdout();
    for n in 0.. {
        step(&store, n);
        keeper.keep(&store);
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_power_keeps_what_was_acknowledged() {
    for cut in 0..CUTS {
        assert!(survives(Keeper::EachChange, 1 + cut * 7), "after cut {cut}");
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_sync_keeps_what_was_acknowledged_before() {
    for cut in 0..CUTS {
        assert!(survives(Keeper::Sync, 1 + cut * 7), "after cut {cut}");
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_without_it_something_is_lost() {
    assert!((0..5).any(|cut| !survives(Keeper::Nobody, 20 + cut * 10)), "the cut cuts nothing");
}

/// Enough that the write-ahead log is written back after each.
fn large() -> LogEntry {
    LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(5 << 20))).unwrap()
}

/// Opens, changes, and syncs, while one of the syncs fails: everything before works, and nothing after.
#[test]
#[ignore = "run by the one below"]
fn child_whose_sync_fails() {
    let job = job();
    let (keeper, path) = job.split_once(' ').unwrap();
    let mut options = SqliteOptions::new();
    options.create(true).durability(keeper.parse::<Keeper>().unwrap().durability());
    let Ok(store) = options.open(path) else { return println!("outcome: not opened") };
    let (session, segment) = ids();
    let changes = (0..3).map(|n| if n == 1 { large() } else { entry(n) });
    let mut acknowledged = Vec::new();
    let failure = changes.into_iter().find_map(|entry| {
        // Leaves a connection open, which keeps the next from a look into the log as a crash left it.
        store.list_sessions().unwrap();
        let result = store.append(session, segment, &entry).and_then(|()| {
            acknowledged.push(entry);
            store.sync()
        });
        result.err()
    });
    let Some(failure) = failure else { return println!("outcome: all is well") };
    // What was committed already when the log was written back has not failed; what follows does.
    assert!(failure.is_indeterminate() || is_refusal(&failure), "{failure:?}");
    for refused in [store.append(session, segment, &entry(9)), store.sync()] {
        let refused = refused.unwrap_err();
        assert!(is_refusal(&refused), "{refused:?}");
    }
    let found = store.read_all(session, segment).unwrap_or_default();
    assert!(found.starts_with(&acknowledged) && found.len() <= acknowledged.len() + 1);
    drop(store);
    let found_anew =
        SqliteStore::open(path).unwrap().read_all(session, segment).unwrap_or_default();
    assert_eq!(found_anew, found, "what was not there is there again");
    println!("outcome: stopped");
}

/// Changes until the write-ahead log's index cannot grow for lack of space. By then the change is in the log.
#[test]
#[ignore = "run by the one below"]
fn child_whose_index_cannot_grow() {
    let job = job();
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
        // Not by this process: that would drop SQLite's locks.
        let copied = Command::new("cp").args([name(path), name(&crashed)]).status().unwrap();
        assert!(copied.success());
    }
    let crashed = SqliteStore::open(crashed).unwrap();
    assert_eq!(crashed.read_entry_count(session, segment).unwrap(), stored, "in the crashed one");
    store.append(session, segment, &entry(stored)).unwrap();
    assert_eq!(store.read_entry_count(session, segment).unwrap(), stored + 1);
}

#[test]
#[ignore = "needs strace: cargo xtask torture"]
fn torture_a_change_that_failed_does_not_come_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("sessions.db");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qqq", "-o"]).arg(folder.path().join("calls"));
    strace.arg("-P").arg(format!("{}-shm", path.display()));
    // A part of the index is 8 pages, each of which SQLite writes to once; the second is for page 4063 on.
    strace.args(["--trace=pwrite64", "--inject=pwrite64:error=ENOSPC:when=9"]);
    strace.arg(std::env::current_exe().unwrap());
    let job = path.display().to_string();
    let output = child(strace, "child_whose_index_cannot_grow", &job).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn is_refusal(error: &StoreError) -> bool {
    error.source().is_some_and(|source| source.to_string().contains("an earlier sync failed"))
}

/// What becomes of a child for which the `n`th sync of the file fails, and only that.
fn outcome(keeper: Keeper, suffix: &str, n: usize) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("sessions.db");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qqq", "-o"]).arg(folder.path().join("calls"));
    strace.arg("-P").arg(format!("{}{suffix}", path.display()));
    strace.arg("--trace=fsync,fdatasync");
    strace.arg(format!("--inject=fsync,fdatasync:error=EIO:when={n}"));
    strace.arg(std::env::current_exe().unwrap());
    let job = format!("{keeper:?} {}", path.display());
    let output = child(strace, "child_whose_sync_fails", &job).output().unwrap();
    assert!(output.status.success(), "sync {n}: {}", String::from_utf8_lossy(&output.stdout));
    let lines = String::from_utf8(output.stdout).unwrap();
    let told = lines.lines().find_map(|line| line.split_once("outcome: "));
    told.unwrap_or_else(|| panic!("{lines}")).1.to_owned()
}

#[test]
#[ignore = "needs strace: cargo xtask torture"]
fn torture_after_a_failed_sync_nothing_is_changed() {
    for keeper in [Keeper::EachChange, Keeper::Sync] {
        for suffix in ["", "-wal"] {
            let outcomes = (1..).map(|n| outcome(keeper, suffix, n));
            let failed: Vec<_> = outcomes.take_while(|outcome| outcome != "all is well").collect();
            eprintln!("{keeper:?} {suffix}: {failed:?}");
            assert!(failed.contains(&"stopped".to_owned()), "{keeper:?} {suffix}: {failed:?}");
        }
    }
}

#[test]
fn handles_that_promise_different_things_share_a_database() {
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
