//! Durability through power cuts (S4): a file system in a file, whose cached pages are thrown away while a
//! writer is at work. What the writer was told must be there afterwards; nothing but its last step may be
//! there besides. And syncs that fail, one at a time, after each of which a handle must change nothing more.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use session_store_core::{
    Durability, LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError,
    StoreExt, TraceEntry,
};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{entries, entry, fresh, ids};

/// Where the child finds its store, and how durable it shall be.
const JOB: &str = "SESSION_STORE_SQLITE_POWER";

const CUTS: usize = 20;

/// A file system of its own, mounted.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let disk = Self { folder };
        File::create(disk.image()).unwrap().set_len(96 << 20).unwrap();
        std::fs::create_dir(disk.root()).unwrap();
        run(Command::new("mkfs.ext4").arg("-q").arg(disk.image()));
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn database(&self) -> PathBuf {
        self.root().join("sessions.db")
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.root()));
    }

    fn unmount(&self) {
        run(Command::new("umount").arg(self.root()));
    }

    /// Drops everything that was not synced: the ioctl `FS_IOC_SHUTDOWN`, without flushing the log. Says so
    /// just before.
    fn cut_power(&self, announcement: PipeWriter) {
        let script = "import fcntl, os, struct, sys\n\
                      root = os.open(sys.argv[1], os.O_RDONLY)\n\
                      os.write(1, b'cut\\n')\n\
                      fcntl.ioctl(root, 0x8004587d, struct.pack('I', 2))";
        let mut python = Command::new("python3");
        run(python.args(["-c", script]).arg(self.root()).stdout(announcement));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that another test is just starting may hold copies of what was open here.
        let _ = Command::new("umount").arg("-l").arg(self.root()).stderr(Stdio::null()).status();
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{command:?}: {status:?}"
    );
}

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

/// The `n`th of a writer's steps: every kind of change, on a few segments.
fn step(store: &SqliteStore, n: usize) {
    let id = |n: usize| Uuid::from_u128(0x7000_0000_0000_0000_0000 + n as u128);
    let (session, segment) = (SessionId::from(id(n % 2)), SegmentId::from(id(n % 5)));
    let text = format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(n * 997 % 20_000));
    let long = LogEntry::from_json(text).unwrap();
    let count = store.read_entry_count(session, segment).unwrap_or(0);
    match n % 11 {
        0 => store.create_segment(session, segment, &[long]).unwrap(),
        3 if count > 0 => store.truncate(session, segment, count - 1).unwrap(),
        5 => drop(store.delete_segment(session, segment).unwrap()),
        6 => store.append_all(session, segment, &entries(n..n + 3)).unwrap(),
        7 => store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap(),
        8 => store.put_pod(&name(n), &Pod::new(session, Some(segment))).unwrap(),
        9 => drop(store.delete_pod(&name(n + 5)).unwrap()),
        _ => store.append(session, segment, &long).unwrap(),
    }
}

fn name(n: usize) -> PodName {
    ["plain", "Ünplain", "third"][n % 3].parse().unwrap()
}

/// All that can be read of a store.
fn content(store: &SqliteStore) -> Vec<String> {
    let mut content = Vec::new();
    for session in store.list_sessions().unwrap() {
        for segment in store.list_segments(session).unwrap() {
            let log = store.read_all(session, segment).unwrap();
            content.push(format!("{session} {segment} {:?}", texts(&log)));
            let trace: Result<Vec<_>, _> = store.trace_entries(session, segment, 0).collect();
            content.push(format!("trace {}", trace.unwrap().len()));
        }
    }
    for name in store.list_pods().unwrap() {
        content.push(format!("{name} {:?}", store.read_pod(&name).unwrap().unwrap().as_json()));
    }
    content
}

fn texts(log: &[LogEntry]) -> Vec<&str> {
    log.iter().map(LogEntry::as_json).collect()
}

/// What a store holds after so many steps.
fn after(steps: usize) -> Vec<String> {
    let (_folder, _, store) = fresh();
    (0..steps).for_each(|n| step(&store, n));
    content(&store)
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

/// Cuts the power after so many acknowledged steps or some more, and says whether all of them are there.
///
/// The child writes its acknowledgements into the pipe into which the cut is announced, so that is known
/// which ones came before. One that came after promises nothing: a sync that is under way when ext4 is shut
/// down can succeed and save nothing, whereas a power cut would have ended who asked for it.
fn survives(keeper: Keeper, patience: usize) -> bool {
    let disk = Disk::new();
    let job = format!("{keeper:?} {}", disk.database().display());
    let program = Command::new(std::env::current_exe().unwrap());
    let (reports, reporter) = std::io::pipe().unwrap();
    let mut child = child(program, "child_that_steps_until_killed", &job)
        .stdout(reporter.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reports = BufReader::new(reports).lines().map_while(Result::ok);
    let is_step = |line: &String| line.starts_with("acknowledged");
    let mut acknowledged = reports.by_ref().filter(is_step).take(patience).count();
    disk.cut_power(reporter);
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged += reports.by_ref().take_while(|line| line != "cut").filter(is_step).count();
    let at_most = acknowledged + reports.filter(is_step).count() + 1;
    disk.unmount();
    disk.mount();
    is_intact(&disk.database(), acknowledged..=at_most)
}

fn is_intact(path: &Path, mut steps: RangeInclusive<usize>) -> bool {
    let Ok(store) = SqliteStore::open(path) else { return false };
    let found = content(&store);
    let intact = steps.any(|steps| found == after(steps));
    if intact {
        // Whatever the cut left, the next changes work.
        (0..11).for_each(|n| step(&store, n));
    }
    intact
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
    println!("outcome: stopped");
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
    assert_eq!(before, after(40));
    store.sync().unwrap();
    durable.sync().unwrap();
    assert_eq!(content(&durable), before);
}
