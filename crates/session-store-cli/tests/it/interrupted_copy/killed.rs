//! Tests that kill a copying program several times, and then let it finish the copy.

use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::ExitStatusExt;

use rstest::rstest;
use test_servers::{Backend, Place};

use super::assert_done;
use super::contents::{Contents, Destination, backup_of};
use super::running::Running;
use crate::program::run;

fn kills() -> usize {
    let kills = std::env::var("KILLS").ok().map(|kills| kills.parse().expect("KILLS is a number"));
    kills.unwrap_or(3)
}

/// Copies the contents to one destination after the other, until the program was killed [`kills`]
/// times during a copy. Most copies are killed several times.
///
/// Asserts that the destination has a part of the contents after each kill, and all contents after
/// the last run, which is not killed.
fn kill_and_resume(
    contents: &Contents,
    place: &Place,
    to: Backend,
    command: impl Fn(&str) -> Vec<String>,
) -> Tally {
    let mut tally = Tally::default();
    let random = RandomState::new();
    while tally.during < kills() {
        let url = place.url(to);
        if to == Backend::Sqlite {
            // Create the destination first. A copy to a new SQLite file starts from the beginning
            // after a kill, which another test covers.
            session_store::open_or_create(&url).expect("the destination can be created");
        }
        let mut copied = 0;
        while tally.during < kills() {
            let moment = random.hash_one((tally.copies, tally.during, tally.after)) as usize;
            // The program is killed after it has copied at most a quarter of the remaining entries.
            // When all entries are copied, the kill hits the comparison after the copy, or the
            // program has already ended.
            let aim = copied + 1 + moment % ((contents.entries() - copied) / 4 + 1);
            if !killed_at(Running::start(&command(&url)), aim, moment >> 32, contents, &url) {
                break;
            }
            contents.assert_part_in(&url);
            copied = contents.copied_to(&mut Destination::new(&url));
            tally.add(copied == contents.entries());
        }
        assert_done(&run(command(&url)));
        contents.assert_all_in(&url);
        tally.copies += 1;
    }
    tally
}

/// Kills the program a random time after `aim` entries were copied. Returns whether it was still
/// running.
fn killed_at(copy: Running, aim: usize, moments: usize, contents: &Contents, url: &str) -> bool {
    let mut destination = Destination::new(url);
    copy.wait_for(|| contents.copied_to(&mut destination) >= aim);
    for _ in 0..moments % 300_000 {
        std::hint::spin_loop();
    }
    copy.kill().signal().is_some()
}

/// How often the program was killed.
#[derive(Default)]
struct Tally {
    /// The number of kills before all entries were copied.
    during: usize,
    /// The number of kills after all entries were copied.
    after: usize,
    /// The number of destinations.
    copies: usize,
}

impl Tally {
    fn add(&mut self, is_complete: bool) {
        *if is_complete { &mut self.after } else { &mut self.during } += 1;
    }

    fn report(&self, what: &str) {
        let Self { during, after, copies } = self;
        eprintln!(
            "{what}: killed {during} times during a copy and {after} times after it, in {copies} copies"
        );
    }
}

#[rstest]
fn a_killed_migration_is_resumed(
    #[values(Backend::Fs, Backend::Sqlite, Backend::Redis, Backend::Postgres)] from: Backend,
    #[values(Backend::Fs, Backend::Sqlite, Backend::Redis, Backend::Postgres)] to: Backend,
) {
    let place = Place::new();
    let source = place.url(from);
    let contents = Contents::fill(&source);
    let command = |url: &str| ["migrate", &source, url].map(str::to_owned).to_vec();
    let tally = kill_and_resume(&contents, &place, to, command);
    tally.report(&format!("{from:?} to {to:?}"));
    contents.assert_all_in(&source);
}

#[rstest]
fn a_killed_restore_is_resumed(
    #[values(Backend::Fs, Backend::Sqlite, Backend::Redis, Backend::Postgres)] to: Backend,
) {
    let place = Place::new();
    let source = place.url(Backend::Fs);
    let contents = Contents::fill(&source);
    let backup = backup_of(&source);
    let command = |url: &str| ["restore", &backup, url].map(str::to_owned).to_vec();
    kill_and_resume(&contents, &place, to, command).report(&format!("a backup to {to:?}"));
}

/// `export` writes the file under a temporary name and renames it at the end. If the file exists
/// after the kill, it is therefore a whole backup.
#[test]
fn a_killed_export_leaves_no_part_of_its_file() {
    let place = Place::new();
    let source = place.url(Backend::Fs);
    Contents::fill(&source);
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let file = folder.path().join("backup");
    let name = file.display().to_string();
    let export = Running::start(&["export", &source, &name]);
    let begun = || folder.path().read_dir().expect("the directory can be listed").count() > 0;
    export.wait_for(begun);
    export.kill();
    if file.exists() {
        assert_done(&run(["restore", &name, "memory:"]));
    }
}
