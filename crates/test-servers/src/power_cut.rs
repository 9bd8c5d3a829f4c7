//! Simulated power cuts. The store is on a file system inside one file. A program takes a series of
//! [`step`]s on the store. [`cut`] then drops everything that the file system has not synced, and
//! lets the test inspect the store.
//!
//! Needs root, loop devices, `python3`, and `mkfs.ext4` or `mkfs.xfs`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::iter;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use session_store_core::{
    LogEntry, Pod, PodName, SegmentId, SessionId, Store, StoreExt, TraceEntry,
};
use tempfile::TempDir;
use test_deadlines::{DEADLINE, Process, wait_until};
use uuid::Uuid;

/// The file systems for simulated power cuts.
#[derive(Clone, Copy, Debug)]
pub enum FileSystem {
    /// ext4 with its default options.
    Ext4,
    /// XFS with its default options.
    Xfs,
}

impl FileSystem {
    fn mkfs(self) -> Command {
        Command::new(match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
        })
    }

    /// The size of a disk in bytes. `mkfs.xfs` refuses a disk of less than 300 MB.
    fn bytes(self) -> u64 {
        match self {
            Self::Ext4 => 96 << 20,
            Self::Xfs => 320 << 20,
        }
    }
}

/// A mounted file system in one file.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Creates an empty file system and mounts it.
    ///
    /// # Panics
    /// If a command of the system fails.
    #[must_use]
    pub fn new(file_system: FileSystem) -> Self {
        let folder = TempDir::new().unwrap();
        let disk = Self { folder };
        File::create(disk.image()).unwrap().set_len(file_system.bytes()).unwrap();
        fs::create_dir(disk.root()).unwrap();
        run(file_system.mkfs().arg("-q").arg(disk.image()));
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Returns the folder where the file system is mounted.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.root()));
    }

    fn unmount(&self) {
        run(Command::new("umount").arg(self.root()));
    }

    /// Mounts the file system again, as after a restart of the machine. No file on it may be open.
    ///
    /// # Panics
    /// If a command of the system fails.
    pub fn remount(&self) {
        self.unmount();
        // Wait until no process has the file system mounted. Another process that has just created
        // a mount namespace of its own has a copy of the mount. As long as this copy exists, a new
        // mount would return the same file system, which is shut down.
        wait_until("a loop device to be released", || !self.has_loop_device());
        self.mount();
    }

    fn has_loop_device(&self) -> bool {
        let found = Command::new("losetup").arg("--associated").arg(self.image()).output();
        !found.unwrap().stdout.is_empty()
    }

    /// Prepares a power cut, so that the cut itself takes little time.
    ///
    /// # Panics
    /// If `python3` cannot be started.
    #[must_use]
    pub fn power_switch(&self) -> PowerSwitch {
        let (answers, answer) = std::io::pipe().unwrap();
        let switch = PowerSwitch { python: self.start_cut(Stdio::piped(), answer), answers };
        switch.wait_for("ready");
        switch
    }

    /// Starts a program that drops all data that was not synced. It uses the ioctl
    /// `FS_IOC_SHUTDOWN`, without flushing the journal. The program prints `ready`, and waits for a
    /// byte or the end of its input. Then it prints `cut` and cuts the power.
    fn start_cut(&self, input: Stdio, output: PipeWriter) -> Process {
        let script = "import fcntl, os, struct, sys\n\
                      root = os.open(sys.argv[1], os.O_RDONLY)\n\
                      os.write(1, b'ready\\n')\n\
                      os.read(0, 1)\n\
                      os.write(1, b'cut\\n')\n\
                      fcntl.ioctl(root, 0x8004587d, struct.pack('I', 2))";
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(self.root()).stdin(input).stdout(output);
        Process::start(&mut python)
    }
}

/// A power cut that happens as soon as it is requested.
#[derive(Debug)]
pub struct PowerSwitch {
    python: Process,
    answers: PipeReader,
}

impl PowerSwitch {
    fn wait_for(&self, answer: &str) {
        let mut line = vec![0; answer.len() + 1];
        (&self.answers).read_exact(&mut line).unwrap();
        assert_eq!(line, format!("{answer}\n").into_bytes());
    }

    /// Cuts the power. Returns when no more data can be synced.
    ///
    /// # Panics
    /// If the cut fails.
    pub fn cut(mut self) {
        // The program waits for the end of its input, and then cuts the power.
        drop(self.python.stdin.take());
        let status = self.python.wait();
        assert!(status.success(), "the power cut failed: {status}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The unmount is lazy (`-l`). A normal unmount can fail, because a child process that
        // another test has just forked can still hold file descriptors of this process.
        let _ = Command::new("umount").arg("-l").arg(self.root()).stderr(Stdio::null()).status();
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(status.as_ref().is_ok_and(ExitStatus::success), "{command:?}: {status:?}");
}

/// The lines `acknowledged …` that a writer printed. Each line reports one step.
#[derive(Debug)]
pub struct Reports {
    /// The lines that the writer printed before the cut. The steps of these lines must survive.
    pub before: Vec<String>,
    /// The lines that the writer printed after the cut and before it was killed. The steps of these
    /// lines need not survive.
    pub after: Vec<String>,
}

/// Cuts the power of an ext4 file system after the writer has taken at least `steps` steps, and
/// returns whether every acknowledged step survived.
///
/// `writer` returns a program that takes [`step`]s on the storage at the path, and prints a line
/// `acknowledged …` after each step. After the cut, `is_intact` receives the path and a range of
/// numbers. It returns whether there is a number n in the range for which the storage contains
/// exactly the effects of the first n steps.
///
/// # Panics
/// As [`cut`].
pub fn survives(
    steps: usize,
    writer: impl FnOnce(&Path) -> Command,
    is_intact: impl FnOnce(&Path, RangeInclusive<usize>) -> bool,
) -> bool {
    cut(FileSystem::Ext4, steps, writer, |root, reports| {
        let acknowledged = reports.before.len();
        // The kill can happen after a step and before its line. So one more step than reported can
        // be complete.
        is_intact(root, acknowledged..=acknowledged + reports.after.len() + 1)
    })
}

/// Cuts the power after the writer has printed at least `steps` lines `acknowledged …`, and mounts
/// the file system again. Then calls `inspect` with the path of the storage and all lines that the
/// writer printed. Returns the result of `inspect`.
///
/// # Panics
/// If the writer does not print a line within [`DEADLINE`], or a command of the system fails.
pub fn cut<R>(
    file_system: FileSystem,
    steps: usize,
    writer: impl FnOnce(&Path) -> Command,
    inspect: impl FnOnce(&Path, &Reports) -> R,
) -> R {
    let disk = Disk::new(file_system);
    let storage = disk.root().join("storage");
    let (reports, reporter) = std::io::pipe().unwrap();
    let mut child = writer(&storage)
        .stdout(reporter.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let reports = lines_of(reports);
    let mut reports = iter::from_fn(|| next_line(&reports));
    let is_step = |line: &String| line.starts_with("acknowledged");
    let mut before: Vec<_> = reports.by_ref().filter(is_step).take(steps).collect();
    // The writer and the cut report through one pipe, so a step that is reported before the line
    // `cut` ended before the cut. A step that is reported after this line need not survive: a sync
    // that runs while ext4 is shut down can succeed without saving any data. A real power cut would
    // have ended the caller of the sync.
    let status = disk.start_cut(Stdio::null(), reporter).wait();
    assert!(status.success(), "the power cut failed: {status}");
    child.kill().unwrap();
    child.wait().unwrap();
    before.extend(reports.by_ref().take_while(|line| line != "cut").filter(is_step));
    let reports = Reports { before, after: reports.filter(is_step).collect() };
    disk.remount();
    inspect(&storage, &reports)
}

/// Reads lines in a separate thread, so that the wait for a line can have a deadline.
fn lines_of(pipe: PipeReader) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Returns the next line, or `None` after the last line.
fn next_line(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(DEADLINE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("waited too long for a step of the writer"),
    }
}

/// Returns whether the content of the store is the result of the first n [`step`]s on an empty
/// store, for some n in `steps`. For the comparison, `create` creates an empty store at a path.
/// Every changing method must still work after the cut. So if the result is true, the function also
/// takes eleven more steps on the store.
///
/// # Panics
/// If a step fails.
pub fn holds<S: Store>(
    store: &S,
    mut steps: RangeInclusive<usize>,
    create: impl Fn(PathBuf) -> S,
) -> bool {
    let found = content(store);
    let folder = TempDir::new().unwrap();
    let content_after = |steps: usize| {
        let store = create(folder.path().join(steps.to_string()));
        (0..steps).for_each(|n| step(&store, n));
        content(&store)
    };
    let is_intact = steps.any(|steps| found == content_after(steps));
    if is_intact {
        (0..11).for_each(|n| step(store, n));
    }
    is_intact
}

/// Takes [`step`]s until the process is killed. After each step, calls `sync` and then reports the
/// step.
///
/// # Panics
/// If a step fails.
pub fn step_until_killed<S: Store>(store: &S, sync: impl Fn(&S)) {
    for n in 0.. {
        step(store, n);
        sync(store);
        println!("acknowledged {n}");
    }
}

/// Takes step number `n`. Any eleven consecutive steps call every changing method. The steps use a
/// few segments.
pub fn step(store: &dyn Store, n: usize) {
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
        8 => pods.put_pod(&pod_name(n), &Pod::new(session, Some(segment))).unwrap(),
        9 => drop(pods.delete_pod(&pod_name(n + 5)).unwrap()),
        _ => store.append(session, segment, &long).unwrap(),
    }
}

fn pod_name(n: usize) -> PodName {
    ["plain", "Ünplain", "third"][n % 3].parse().unwrap()
}

/// Returns the logs and pods of a store, and the number of entries in each trace, as text.
#[must_use]
pub fn content(store: &dyn Store) -> Vec<String> {
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
