//! Durability through power cuts (S4): a file system in a file, whose cached pages are thrown away while a
//! writer is at work. What the writer was told must be there afterwards; nothing but its last step may be
//! there besides.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use session_store_core::{
    Durability, LogEntry, Pod, PodStore, SegmentId, SessionId, Store, StoreExt, TraceEntry,
};
use session_store_fs::{FsOptions, FsStore};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{Fixture, entry, numbered};

/// Where the child finds its store, and how durable it shall be.
const JOB: &str = "SESSION_STORE_FS_POWER";

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

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.root()));
    }

    fn unmount(&self) {
        run(Command::new("umount").arg(self.root()));
    }

    /// Drops everything that was not synced: the ioctl `FS_IOC_SHUTDOWN`, without flushing the log.
    fn cut_power(&self) {
        let script = "import fcntl, os, struct, sys\n\
                      fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run(Command::new("python3").args(["-c", script]).arg(self.root()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.root()).stderr(Stdio::null()).status();
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{command:?}: {status:?}"
    );
}

/// The `n`th of a writer's steps: every kind of change, on a few segments.
fn step(store: &(impl Store + ?Sized), n: usize) {
    let id = |n: usize| Uuid::from_u128(0x7000_0000_0000_0000_0000 + n as u128);
    let (session, segment) = (SessionId::from(id(n % 2)), SegmentId::from(id(n % 5)));
    let long = entry(&format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(n * 997 % 20_000)));
    let count = store.read_entry_count(session, segment).unwrap_or(0);
    match n % 11 {
        0 => store.create_segment(session, segment, &[long]).unwrap(),
        3 if count > 0 => store.truncate(session, segment, count - 1).unwrap(),
        5 => drop(store.delete_segment(session, segment).unwrap()),
        6 => store.append_all(session, segment, &numbered(n..n + 3)).unwrap(),
        7 => store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap(),
        8 => store.pods().unwrap().put_pod(&name(n), &Pod::new(session, Some(segment))).unwrap(),
        9 => drop(store.pods().unwrap().delete_pod(&name(n + 5)).unwrap()),
        _ => store.append(session, segment, &long).unwrap(),
    }
}

fn name(n: usize) -> session_store_core::PodName {
    ["plain", "Ünplain", "third"][n % 3].parse().unwrap()
}

/// All that can be read of a store.
fn content(store: &FsStore) -> Vec<String> {
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
    let fixture = Fixture::new();
    let store = fixture.open();
    (0..steps).for_each(|n| step(&store, n));
    content(&store)
}

/// Cuts the power after so many acknowledged steps, and says whether all of them are there.
fn survives(durability: Durability, patience: usize) -> bool {
    let disk = Disk::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "power::child_that_steps_until_killed",
            "--include-ignored",
            "--nocapture",
        ])
        .env(JOB, format!("{durability} {}", disk.root().join("store").display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reports = lines.map_while(Result::ok).filter(|line| line.starts_with("acknowledged"));
    let before = reports.by_ref().take(patience).count();
    disk.cut_power();
    child.kill().unwrap();
    child.wait().unwrap();
    let acknowledged = before + reports.count();
    disk.unmount();
    disk.mount();
    let intact = is_intact(&disk.root().join("store"), acknowledged);
    disk.unmount();
    intact
}

fn is_intact(root: &Path, acknowledged: usize) -> bool {
    let Ok(store) = FsStore::open(root) else { return false };
    let found = content(&store);
    let intact = found == after(acknowledged) || found == after(acknowledged + 1);
    if intact {
        // Whatever the cut left, the next changes work.
        (0..11).for_each(|n| step(&store, n));
    }
    intact
}

#[test]
#[ignore = "run by the two below"]
fn child_that_steps_until_killed() {
    let job = std::env::var(JOB).expect("only another test runs this one, with a job to do");
    let (durability, root) = job.split_once(' ').unwrap();
    let mut options = FsOptions::new();
    let store = options.create(true).durability(durability.parse().unwrap()).open(root).unwrap();
    let mut out = std::io::stdout();
    for n in 0.. {
        step(&store, n);
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_power_keeps_what_was_acknowledged() {
    for cut in 0..CUTS {
        assert!(survives(Durability::Power, 1 + cut * 7), "after cut {cut}");
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_without_it_something_is_lost() {
    assert!(
        (0..5).any(|cut| !survives(Durability::Process, 20 + cut * 10)),
        "the cut cuts nothing"
    );
}

#[test]
fn sync_saves_what_a_lesser_promise_left_open() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.sync().unwrap();
    (0..40).for_each(|n| step(&store, n));
    store.sync().unwrap();
    (0..40).for_each(|n| step(&store, n));
    store.delete_session(SessionId::from(Uuid::from_u128(0x7000_0000_0000_0000_0000))).unwrap();
    store.sync().unwrap();
}

#[test]
fn threads_share_a_durable_segment() {
    let fixture = Fixture::new();
    let store = FsOptions::new().durability(Durability::Power).open(fixture.folder.path()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (store, fixture) = (&store, &fixture);
            scope.spawn(move || {
                for n in 0..20 {
                    fixture.append(store, &format!("{{\"writer\":{writer},\"n\":{n}}}"));
                }
            });
        }
    });
    let texts = fixture.texts(&store);
    for writer in 0..8 {
        let own = texts.iter().filter(|text| text.starts_with(&format!("{{\"writer\":{writer},")));
        assert!(own.enumerate().all(|(n, text)| text.ends_with(&format!("\"n\":{n}}}"))));
    }
    assert_eq!(texts.len(), 160);
}
