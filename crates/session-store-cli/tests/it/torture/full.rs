//! A destination without room: what fits is there and the rest is named; with room, the rest is copied.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rstest::rstest;
use tempfile::TempDir;
use test_deadlines::Process;

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
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::start(&mut command).wait_with_output().into()
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
    fn new(size: &str) -> Self {
        let disk = Self(tempfile::tempdir().expect("make a temporary directory"));
        assert!(disk.mount(&format!("size={size}")), "cannot mount a tmpfs: run this test as root");
        disk
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
#[ignore = "needs the right to mount a file system: cargo xtask test runs it as root"]
fn mount_a_small_disk(
    #[values(Backend::Fs, Backend::Sqlite)] to: Backend,
    #[values("migrate", "restore")] how: &str,
) {
    let disk = Disk::new("3m");
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
