//! Tests of durability. A child process changes a store in steps until the power is cut.
//!
//! After the power cut, the store must have every acknowledged step, and at most one more
//! ([S4](session_store_core::contract#s4)).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use session_store_core::{Durability, SessionId, Store};
use session_store_fs::{FsOptions, FsStore};
use test_deadlines::{child_job, child_test};
use test_servers::power_cut::{self, step};
use uuid::Uuid;

use crate::{Fixture, entry, numbered};

const CUTS: usize = 20;

/// Cuts the power after `acknowledged` steps. Returns whether all acknowledged steps are stored.
fn survives(durability: Durability, acknowledged: usize) -> bool {
    let writer = |root: &Path| {
        let job = format!("{durability} {}", root.display());
        child_test("power::child_that_steps_until_killed", job)
    };
    power_cut::survives(acknowledged, writer, |root, steps| {
        let create = |root| FsStore::open_or_create(root).unwrap();
        FsStore::open(root).is_ok_and(|store| power_cut::holds(&store, steps, create))
    })
}

/// More files than a handle syncs one by one.
const MANY: u128 = 100;

fn fill(store: &FsStore) {
    let session = SessionId::from(Uuid::max());
    for n in 0..MANY {
        store.append(session, Uuid::from_u128(n).into(), &entry("{}")).unwrap();
    }
}

#[test]
#[ignore = "run by torture_sync_saves_more_paths_than_it_records"]
fn child_that_syncs_much_at_once() {
    let root = child_job();
    let store = FsStore::open_or_create(root).unwrap();
    fill(&store);
    store.sync().unwrap();
    println!("acknowledged");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_sync_saves_more_paths_than_it_records() {
    let writer = |root: &Path| {
        let mut child = child_test("power::child_that_syncs_much_at_once", root.display());
        child.stdin(Stdio::piped());
        child
    };
    let survived = power_cut::survives(1, writer, |root, _| {
        let fixture = Fixture::new();
        let expected = fixture.open();
        fill(&expected);
        power_cut::content(&FsStore::open(root).unwrap()) == power_cut::content(&expected)
    });
    assert!(survived);
}

#[test]
#[ignore = "run by torture_power_keeps_acknowledged_changes"]
fn child_that_steps_until_killed() {
    let job = child_job();
    let (durability, root) = job.split_once(' ').unwrap();
    let options = FsOptions::new().create(true).durability(durability.parse().unwrap());
    let store = options.open(root).unwrap();
    power_cut::step_until_killed(&store, |_| ());
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_power_keeps_acknowledged_changes() {
    for cut in 0..CUTS {
        assert!(survives(Durability::Power, 1 + cut * 7), "after cut {cut}");
    }
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_process_durability_loses_changes() {
    assert!(
        (0..5).any(|cut| !survives(Durability::Process, 20 + cut * 10)),
        "no power cut lost a change"
    );
}

#[test]
fn sync_succeeds_after_every_kind_of_change() {
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
fn a_sync_that_failed_to_open_a_file_can_be_repeated() {
    let fixture = Fixture::new();
    let (session, aside) = (fixture.path(&fixture.session.to_string()), fixture.path("aside"));
    let store = fixture.open();
    fixture.append(&store, "{}");
    fs::rename(&session, &aside).unwrap();
    // Opening a link to itself fails.
    symlink(&session, &session).unwrap();
    assert!(store.sync().unwrap_err().is_indeterminate());
    assert!(store.sync().is_err(), "the second sync leaves out a path that was not synced");
    fs::remove_file(&session).unwrap();
    fs::rename(&aside, &session).unwrap();
    store.sync().unwrap();
    fixture.append(&store, "{}");
}

#[test]
#[ignore = "run by torture_a_power_cut_restores_no_former_head"]
fn child_that_cuts_and_regrows() {
    let root = child_job();
    let (session, segment) = (Uuid::max().into(), Uuid::max().into());
    let store = FsOptions::new().create(true).durability(Durability::Power).open(&root).unwrap();
    store.create_segment(session, segment, &numbered(0..3)).unwrap();
    // The kernel writes the changes to the device after some time. This call makes it write now.
    assert!(Command::new("sync").arg("-f").arg(&root).status().unwrap().success());
    let former = store.head(session, segment).unwrap().unwrap();
    fs::write(former_head(Path::new(&root)), former.to_string()).unwrap();
    store.truncate(session, segment, 2).unwrap();
    store.append(session, segment, &entry("{}")).unwrap();
    println!("acknowledged");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Returns a path outside of the file system whose power is cut.
fn former_head(root: &Path) -> PathBuf {
    root.ancestors().nth(2).unwrap().join("former head")
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_a_power_cut_restores_no_former_head() {
    let writer = |root: &Path| {
        let mut child = child_test("power::child_that_cuts_and_regrows", root.display());
        child.stdin(Stdio::piped());
        child
    };
    let survived = power_cut::survives(1, writer, |root, _| {
        let store = FsStore::open_or_create(root).unwrap();
        let head = store.head(Uuid::max().into(), Uuid::max().into()).unwrap().unwrap();
        head.entries() == 3 && head.to_string() != fs::read_to_string(former_head(root)).unwrap()
    });
    assert!(survived);
}

#[test]
fn concurrent_durable_appends_are_all_kept() {
    let fixture = Fixture::new();
    let store = FsOptions::new()
        .create(true)
        .durability(Durability::Power)
        .open(fixture.folder.path())
        .unwrap();
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
