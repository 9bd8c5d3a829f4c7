//! Durability (S4): what the writer was told must be there after a power cut; nothing but its last step may
//! be there besides.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use session_store_core::{Durability, SessionId, Store};
use session_store_fs::{FsOptions, FsStore};
use uuid::Uuid;

use crate::outage::{self, step};
use crate::{Fixture, entry};

/// Where the child finds its store, and how durable it shall be.
const JOB: &str = "SESSION_STORE_FS_POWER";

const CUTS: usize = 20;

/// Cuts the power after so many acknowledged steps, and says whether all of them are there.
fn survives(durability: Durability, patience: usize) -> bool {
    let writer = |root: &Path| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let name = "power::child_that_steps_until_killed";
        child.args(["--exact", name, "--include-ignored", "--nocapture"]);
        child.env(JOB, format!("{durability} {}", root.display()));
        child
    };
    outage::survives(patience, writer, |root, steps| {
        let folder = tempfile::tempdir().unwrap();
        let number = std::cell::Cell::new(0);
        let fresh = || -> Box<dyn Store> {
            number.set(number.get() + 1);
            let root = folder.path().join(number.get().to_string());
            Box::new(FsStore::open_or_create(root).unwrap())
        };
        FsStore::open(root).is_ok_and(|store| outage::holds(&store, steps, fresh))
    })
}

/// More changes than a handle syncs one by one.
const MANY: u128 = 1500;

fn fill(store: &FsStore) {
    let session = SessionId::from(Uuid::max());
    for n in 0..MANY {
        store.append(session, Uuid::from_u128(n).into(), &entry("{}")).unwrap();
    }
}

#[test]
#[ignore = "run by the next one"]
fn child_that_syncs_much_at_once() {
    let root = std::env::var(JOB).expect("only another test runs this one, with a job to do");
    let store = FsStore::open_or_create(root).unwrap();
    fill(&store);
    store.sync().unwrap();
    println!("acknowledged");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
#[ignore = "needs root, loop devices, mkfs.ext4 and python3: cargo xtask torture"]
fn torture_sync_saves_more_than_it_can_name() {
    let writer = |root: &Path| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "power::child_that_syncs_much_at_once", "--ignored", "--nocapture"]);
        child.env(JOB, root).stdin(Stdio::piped());
        child
    };
    let survived = outage::survives(1, writer, |root, _| {
        let fixture = Fixture::new();
        let expected = fixture.open();
        fill(&expected);
        outage::content(&FsStore::open(root).unwrap()) == outage::content(&expected)
    });
    assert!(survived);
}

#[test]
#[ignore = "run by two of the others"]
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
