//! Tests of a migration to a SQLite file that does not exist yet. The file gets its name at the
//! end.

use std::fs::{self, File};
use std::path::PathBuf;

use rustix::process::Signal;
use tempfile::TempDir;
use test_deadlines::{Process, wait_until};
use test_servers::{Backend, Place};

use super::assert_done;
use super::contents::{Contents, Destination};
use crate::program::{Ended, handles_signals, program_with_signals, run};

/// A migration that has copied a part, and waits for a lock in the source.
struct Waiting {
    process: Process,
    lock: File,
    contents: Contents,
    arguments: [String; 3],
    folder: TempDir,
    _place: Place,
}

impl Waiting {
    fn start() -> Self {
        let place = Place::new();
        let source = place.url(Backend::Fs);
        let contents = Contents::fill(&source);
        // All segments that do not use this lock are copied before the program waits.
        let locks = PathBuf::from(&source["fs:".len()..]).join(".session-store/locks");
        let mut locks = locks.read_dir().expect("the source has locks");
        let lock = locks.next().expect("the source has a lock").expect("it can be listed");
        let lock = File::open(lock.path()).expect("the lock can be opened");
        lock.lock().expect("the lock is free");
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let to = format!("sqlite:{}", folder.path().join("to.db").display());
        let arguments = ["migrate".to_owned(), source, to];
        let process = Process::start(&mut program_with_signals(&arguments));
        let partial = folder.path().join("to.db.partial");
        wait_until("the program to copy a part", || {
            assert!(process.is_running(), "it ended too early");
            partial.metadata().is_ok_and(|file| file.len() > 100_000)
                && handles_signals(process.id())
        });
        Self { process, lock, contents, arguments, folder, _place: place }
    }

    fn files(&self) -> Vec<String> {
        let files = self.folder.path().read_dir().expect("the folder can be listed");
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn run_again(&self) -> Ended {
        run(&self.arguments)
    }

    fn copied(&self) -> usize {
        self.contents.copied_to(&mut Destination::new(&self.arguments[2]))
    }
}

#[test]
fn an_interrupted_migration_to_a_new_file_keeps_the_copied_part() {
    let waiting = Waiting::start();
    waiting.process.signal(Signal::INT);
    wait_until("the program to end", || !waiting.process.is_running());
    assert_eq!(waiting.files(), ["to.db"]);
    let copied = waiting.copied();
    assert!(copied > 0 && copied < waiting.contents.entries(), "{copied}");
    waiting.contents.assert_part_in(&waiting.arguments[2]);
    waiting.lock.unlock().unwrap();
    let ended = waiting.run_again();
    assert!(ended.stdout.contains(&format!(", {copied} already present")), "{ended:?}");
    assert_done(&ended);
    waiting.contents.assert_all_in(&waiting.arguments[2]);
}

#[test]
fn a_killed_migration_to_a_new_file_starts_again() {
    let waiting = Waiting::start();
    waiting.process.signal(Signal::KILL);
    wait_until("the program to end", || !waiting.process.is_running());
    assert_eq!(waiting.files(), ["to.db.partial"]);
    waiting.lock.unlock().unwrap();
    let ended = waiting.run_again();
    assert!(ended.stderr.contains("an earlier run was killed"), "{ended:?}");
    assert!(ended.stdout.contains(", 0 already present"), "{ended:?}");
    assert_done(&ended);
    assert_eq!(waiting.files(), ["to.db"]);
    waiting.contents.assert_all_in(&waiting.arguments[2]);
    run(["check", &waiting.arguments[2]]).ok();
}

#[test]
fn a_second_migration_to_the_same_new_file_fails() {
    let waiting = Waiting::start();
    let message = waiting.run_again().refused(3);
    assert!(message.contains("another process is writing"), "{message}");
    waiting.lock.unlock().unwrap();
    wait_until("the program to end", || !waiting.process.is_running());
    waiting.contents.assert_all_in(&waiting.arguments[2]);
}

#[test]
fn a_file_that_appears_during_a_migration_is_not_overwritten() {
    let waiting = Waiting::start();
    let file = waiting.folder.path().join("to.db");
    fs::write(&file, "other").unwrap();
    waiting.lock.unlock().unwrap();
    let ended: Ended = {
        wait_until("the program to end", || !waiting.process.is_running());
        waiting.process.wait_with_output().into()
    };
    assert_ne!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("cannot finish"), "{ended:?}");
    assert_eq!(fs::read(&file).unwrap(), b"other");
}
