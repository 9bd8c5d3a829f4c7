//! Tests of a copy to a full disk. The command copies a part and reports the rest. With more space,
//! a second run copies the rest.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rstest::rstest;
use tempfile::TempDir;
use test_deadlines::Process;
use test_servers::{Backend, Place};

use super::assert_done;
use super::contents::{Contents, backup_of};
use crate::program::{Ended, program, run};

/// Runs the program with a limit for the size of each file.
fn run_with_small_files(limit: usize, args: [&str; 3]) -> Ended {
    let program = program(args);
    let mut command = Command::new("sh");
    // SIGXFSZ is ignored, because its default action would end the process without a message.
    let script = format!("trap '' XFSZ; exec prlimit --fsize={limit} -- \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    Process::output(&mut command).into()
}

#[rstest]
fn a_file_size_limit_stops_a_copy(
    #[values(Backend::Fs, Backend::Sqlite)] to: Backend,
    #[values("migrate", "restore")] how: &str,
) {
    let place = Place::new();
    let (source, contents) = source(&place, how);
    let destination = place.url(to);
    let ended = run_with_small_files(1_000_000, [how, &source, &destination]);
    assert_stopped(&ended, &contents, &destination);
    assert_done(&run([how, &source, &destination]));
    contents.assert_all_in(&destination);
}

/// A file system in memory.
struct Disk(TempDir);

impl Disk {
    fn new(size: &str) -> Self {
        let disk = Self(tempfile::tempdir().expect("a temporary folder can be created"));
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
        // The unmount is lazy, because a process that another test starts at this moment can have
        // inherited an open file.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

#[rstest]
#[ignore = "needs the right to mount a file system: cargo xtask test runs it as root"]
fn mount_a_small_disk_that_stops_a_copy(
    #[values(Backend::Fs, Backend::Sqlite)] to: Backend,
    #[values("migrate", "restore")] how: &str,
) {
    let disk = Disk::new("3m");
    let place = Place::new();
    let (source, contents) = source(&place, how);
    let scheme = if to == Backend::Fs { "fs" } else { "sqlite" };
    let destination = format!("{scheme}:{}", disk.path().display());
    let ended = run([how, &source, &destination]);
    assert_stopped(&ended, &contents, &destination);
    assert!(disk.mount("remount,size=64m"), "cannot enlarge the file system");
    assert_done(&run([how, &source, &destination]));
    contents.assert_all_in(&destination);
}

/// Creates a store, and a backup of it for `restore`.
fn source(place: &Place, how: &str) -> (String, Contents) {
    let store = place.url(Backend::Fs);
    let contents = Contents::fill(&store);
    if how == "migrate" {
        return (store, contents);
    }
    (backup_of(&store), contents)
}

/// Asserts that a run stopped, reported the missing segments, and left only entries of the source.
fn assert_stopped(ended: &Ended, contents: &Contents, destination: &str) {
    let Ended { stdout, status, .. } = ended;
    assert_eq!(*status, Some(1), "{ended:?}");
    let reported = stdout.lines().filter(|line| line.starts_with("segment "));
    assert!(reported.clone().count() > 0, "{ended:?}");
    contents.assert_part_in(destination);
}
