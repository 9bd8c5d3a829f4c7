//! SIGKILL in the middle of a copy, again and again.

use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::ExitStatusExt;

use rstest::rstest;

use super::assert_done;
use super::place::{Backend, Place};
use super::running::Running;
use super::stock::{Stock, Watched, backup_of};
use crate::program::run;

fn kills() -> usize {
    let kills = std::env::var("KILLS").ok().map(|kills| kills.parse().expect("KILLS is a number"));
    kills.unwrap_or(3)
}

/// Copies the stock to one place after the other, and kills the copying program in mid-copy as often as is asked
/// for, mostly several times for one copy. After each kill the copy is a part of the stock; in the end, all of it.
fn kill_and_resume(
    stock: &Stock,
    place: &Place,
    to: Backend,
    command: impl Fn(&str) -> Vec<String>,
) -> Tally {
    let mut tally = Tally::default();
    let random = RandomState::new();
    while tally.in_mid_copy < kills() {
        let url = place.url(to);
        let mut there = 0;
        while tally.in_mid_copy < kills() {
            let moment =
                random.hash_one((tally.copies, tally.in_mid_copy, tally.afterwards)) as usize;
            // A quarter of what is left, at most; once all is there, in the proof or not at all.
            let aim = there + 1 + moment % ((stock.entries() - there) / 4 + 1);
            if !killed_at(Running::start(&command(&url)), aim, moment >> 32, stock, &url) {
                break;
            }
            stock.assert_begun_in(&url);
            there = stock.arrived(&mut Watched::new(&url));
            tally.add(there == stock.entries());
        }
        assert_done(&run(command(&url)));
        stock.assert_whole_in(&url);
        tally.copies += 1;
    }
    tally
}

/// Kills the program some moments after so many entries have arrived, and says whether it was still at work.
fn killed_at(copy: Running, aim: usize, moments: usize, stock: &Stock, url: &str) -> bool {
    let mut watched = Watched::new(url);
    copy.wait_for(|| stock.arrived(&mut watched) >= aim);
    for _ in 0..moments % 300_000 {
        std::hint::spin_loop();
    }
    copy.kill().signal().is_some()
}

#[derive(Default)]
struct Tally {
    in_mid_copy: usize,
    /// When all entries had arrived already.
    afterwards: usize,
    copies: usize,
}

impl Tally {
    fn add(&mut self, all_is_there: bool) {
        *if all_is_there { &mut self.afterwards } else { &mut self.in_mid_copy } += 1;
    }

    fn report(&self, what: &str) {
        let Self { in_mid_copy, afterwards, copies } = self;
        eprintln!(
            "{what}: killed {in_mid_copy} times in mid-copy and {afterwards} times afterwards, for {copies} copies"
        );
    }
}

#[rstest]
fn a_killed_migration_is_resumed(
    #[values(Backend::Fs, Backend::Sqlite, Backend::Redis)] from: Backend,
    #[values(Backend::Fs, Backend::Sqlite, Backend::Redis)] to: Backend,
) {
    let place = Place::new();
    let source = place.url(from);
    let stock = Stock::fill(&source);
    let command = |url: &str| ["migrate", &source, url].map(str::to_owned).to_vec();
    let tally = kill_and_resume(&stock, &place, to, command);
    tally.report(&format!("{from:?} to {to:?}"));
    stock.assert_whole_in(&source);
}

#[rstest]
fn a_killed_restore_is_resumed(
    #[values(Backend::Fs, Backend::Sqlite, Backend::Redis)] to: Backend,
) {
    let place = Place::new();
    let source = place.url(Backend::Fs);
    let stock = Stock::fill(&source);
    let backup = backup_of(&source);
    let command = |url: &str| ["restore", &backup, url].map(str::to_owned).to_vec();
    kill_and_resume(&stock, &place, to, command).report(&format!("a backup to {to:?}"));
}

/// It is written under another name, so that nobody takes a part of it for a backup.
#[test]
fn a_killed_export_leaves_no_part_of_its_file() {
    let place = Place::new();
    let source = place.url(Backend::Fs);
    Stock::fill(&source);
    let folder = tempfile::tempdir().expect("make a temporary directory");
    let file = folder.path().join("backup");
    let name = file.display().to_string();
    let export = Running::start(&["export", &source, &name]);
    let begun = || folder.path().read_dir().expect("list a directory").count() > 0;
    export.wait_for(begun);
    export.kill();
    if file.exists() {
        assert_done(&run(["restore", &name, "memory:"]));
    }
}
