//! Power cuts: a file system in a file, whose cached pages are thrown away while a writer is at work, and
//! the writer's steps. The tests of other backends take this file in by its path.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeWriter};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use session_store_core::{
    LogEntry, Pod, PodName, SegmentId, SessionId, Store, StoreExt, TraceEntry,
};
use tempfile::TempDir;
use uuid::Uuid;

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

/// Cuts the power after so many acknowledged steps or some more, and says whether all of them are there: the
/// path of the storage and the numbers of steps that it may hold are `is_intact`'s to judge. `writer` is the
/// program that takes the steps on that path, and prints a line `acknowledged …` after each.
///
/// The writer prints into the pipe into which the cut is announced, so that is known which lines came before.
/// One that came after promises nothing: a sync that is under way when ext4 is shut down can succeed and save
/// nothing, whereas a power cut would have ended who asked for it.
pub(crate) fn survives(
    patience: usize,
    writer: impl FnOnce(&Path) -> Command,
    is_intact: impl FnOnce(&Path, RangeInclusive<usize>) -> bool,
) -> bool {
    let disk = Disk::new();
    let storage = disk.root().join("storage");
    let (reports, reporter) = std::io::pipe().unwrap();
    let mut child = writer(&storage)
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
    is_intact(&storage, acknowledged..=at_most)
}

/// Whether the store holds what it held after one of these numbers of steps; `fresh` is an empty one.
/// Whatever a cut has left, the next changes must work.
pub(crate) fn holds(
    store: &dyn Store,
    mut steps: RangeInclusive<usize>,
    fresh: impl Fn() -> Box<dyn Store>,
) -> bool {
    let found = content(store);
    let after = |steps: usize| {
        let store = fresh();
        (0..steps).for_each(|n| step(&*store, n));
        content(&*store)
    };
    let intact = steps.any(|steps| found == after(steps));
    if intact {
        (0..11).for_each(|n| step(store, n));
    }
    intact
}

/// The `n`th of a writer's steps: every kind of change, on a few segments.
pub(crate) fn step(store: &dyn Store, n: usize) {
    let id = |n: usize| Uuid::from_u128(0x7000_0000_0000_0000_0000 + n as u128);
    let (session, segment) = (SessionId::from(id(n % 2)), SegmentId::from(id(n % 5)));
    let entry = |bytes: usize| {
        let text = format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(bytes));
        LogEntry::from_json(text).unwrap()
    };
    let (long, pods) = (entry(n * 997 % 20_000), store.pods().unwrap());
    let count = store.read_entry_count(session, segment).unwrap_or(0);
    match n % 11 {
        0 => store.create_segment(session, segment, &[long]).unwrap(),
        3 if count > 0 => store.truncate(session, segment, count - 1).unwrap(),
        5 => drop(store.delete_segment(session, segment).unwrap()),
        6 => store.append_all(session, segment, &[entry(1), entry(2), entry(3)]).unwrap(),
        7 => store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap(),
        8 => pods.put_pod(&name(n), &Pod::new(session, Some(segment))).unwrap(),
        9 => drop(pods.delete_pod(&name(n + 5)).unwrap()),
        _ => store.append(session, segment, &long).unwrap(),
    }
}

fn name(n: usize) -> PodName {
    ["plain", "Ünplain", "third"][n % 3].parse().unwrap()
}

/// All that can be read of a store.
pub(crate) fn content(store: &dyn Store) -> Vec<String> {
    let mut content = Vec::new();
    for session in store.list_sessions().unwrap() {
        for segment in store.list_segments(session).unwrap() {
            let log = store.read_all(session, segment).unwrap();
            let texts: Vec<_> = log.iter().map(LogEntry::as_json).collect();
            content.push(format!("{session} {segment} {texts:?}"));
            let trace: Result<Vec<_>, _> = store.trace_entries(session, segment, 0).collect();
            content.push(format!("trace {}", trace.unwrap().len()));
        }
    }
    let pods = store.pods().unwrap();
    for name in pods.list_pods().unwrap() {
        content.push(format!("{name} {:?}", pods.read_pod(&name).unwrap().unwrap().as_json()));
    }
    content
}
