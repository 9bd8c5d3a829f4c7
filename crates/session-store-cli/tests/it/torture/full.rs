//! A destination without room: what fits is there and the rest is named; with room, the rest is copied.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rstest::rstest;
use tempfile::TempDir;

use super::assert_done;
use super::place::{Backend, Place};
use super::stock::{Stock, backup_of};
use crate::program::{Ended, program, run};

/// Runs the program where no file may grow over so many bytes.
fn run_with_small_files(limit: usize, args: [&str; 3]) -> Ended {
    let program = program(args);
    let mut command = Command::new("sh");
    // The signal's default is to end the process without a word.
    let script = format!("trap '' XFSZ; exec prlimit --fsize={limit} -- \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    let output = command.stdin(Stdio::null()).output().expect("start the program");
    Ended {
        stdout: String::from_utf8(output.stdout).expect("its output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("its messages are UTF-8"),
        status: output.status.code(),
    }
}

#[rstest]
fn a_limit_for_files(
    #[values(Backend::Fs, Backend::Sqlite)] to: Backend,
    #[values("migrate", "restore")] how: &str,
) {
    let place = Place::new();
    let (source, stock) = source(&place, how);
    let destination = place.url(to);
    let ended = run_with_small_files(1_000_000, [how, &source, &destination]);
    assert_stopped(&ended, &stock, &destination);
    assert_done(&run([how, &source, &destination]));
    stock.assert_whole_in(&destination);
}

/// A file system in memory.
struct Disk(TempDir);

impl Disk {
    /// `None` where nobody but root may have one.
    fn new(size: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().expect("make a temporary directory"));
        let mounted = disk.mount(&format!("size={size}"));
        if !mounted {
            eprintln!("skipped: a small disk needs root to mount it");
        }
        mounted.then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0.path());
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that another test is just starting may hold copies of what was open here.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

#[rstest]
fn a_small_disk(
    #[values(Backend::Fs, Backend::Sqlite)] to: Backend,
    #[values("migrate", "restore")] how: &str,
) {
    let Some(disk) = Disk::new("3m") else { return };
    let place = Place::new();
    let (source, stock) = source(&place, how);
    let scheme = if to == Backend::Fs { "fs" } else { "sqlite" };
    let destination = format!("{scheme}:{}", disk.path().display());
    let ended = run([how, &source, &destination]);
    assert_stopped(&ended, &stock, &destination);
    assert!(disk.mount("remount,size=64m"), "make it larger");
    assert_done(&run([how, &source, &destination]));
    stock.assert_whole_in(&destination);
}

/// A store, or a backup of one.
fn source(place: &Place, how: &str) -> (String, Stock) {
    let store = place.url(Backend::Fs);
    let stock = Stock::fill(&store);
    if how == "migrate" {
        return (store, stock);
    }
    (backup_of(&store), stock)
}

/// It stopped for want of room, named what is not there, and left nothing that is not from the source.
fn assert_stopped(ended: &Ended, stock: &Stock, destination: &str) {
    let Ended { stdout, status, .. } = ended;
    assert_eq!(*status, Some(1), "{ended:?}");
    let named = stdout.lines().filter(|line| line.starts_with("segment "));
    assert!(named.clone().count() > 0, "{ended:?}");
    stock.assert_begun_in(destination);
}
