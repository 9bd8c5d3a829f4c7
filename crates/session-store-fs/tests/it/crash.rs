//! Writers killed at any moment.
//!
//! Every acknowledged entry exists once ([S3](session_store_core::contract#s3),
//! [A6](session_store_core::contract#a6)), readers see no torn or joined entry, and the next append
//! works. The entries have odd sizes, since a kill never tears a write that ends on a page.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use session_store_core::{Store, StoreExt};
use session_store_fs::FsStore;
use test_deadlines::Process;

use crate::{Fixture, entry};

/// The environment variable with the child's store, ids and name.
const JOB: &str = "SESSION_STORE_FS_WRITER";

const ROUNDS: usize = 20;
const WRITERS: usize = 3;

#[derive(serde::Deserialize)]
struct Numbered {
    writer: String,
    n: usize,
}

/// Starts a writer that prints a line for each acknowledged entry.
fn writer(fixture: &Fixture, name: &str) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "crash::child_that_appends_until_killed",
            "--include-ignored",
            "--nocapture",
        ])
        .env(
            JOB,
            format!(
                "{} {} {} {name}",
                fixture.folder.path().display(),
                fixture.session,
                fixture.segment
            ),
        )
        .stdout(Stdio::piped());
    Process::start(&mut command)
}

#[test]
#[ignore = "run by killed_writers_lose_no_acknowledged_entry"]
fn child_that_appends_until_killed() {
    let job = std::env::var(JOB).expect("another test runs this one and sets the variable");
    let parts: Vec<_> = job.split(' ').collect();
    let [root, session, segment, name] = parts[..] else { panic!("{job}") };
    let store = FsStore::open(root).unwrap();
    let (session, segment) = (session.parse().unwrap(), segment.parse().unwrap());
    let mut out = std::io::stdout();
    for n in 0.. {
        let filler = "x".repeat((n * 7_919 + name.len() * 31) % 60_000);
        let text = format!("{{\"writer\":\"{name}\",\"n\":{n},\"filler\":\"{filler}\"}}");
        store.append(session, segment, &entry(&text)).unwrap();
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn killed_writers_lose_no_acknowledged_entry() {
    let mut total = 0;
    for round in 0..ROUNDS {
        let fixture = Fixture::new();
        let mut acknowledged = BTreeMap::new();
        // The second wave repairs the tails that the kills of the first one left.
        for wave in 0..2 {
            let names: Vec<_> = (0..WRITERS).map(|writer| format!("{wave}-{writer}")).collect();
            let children: Vec<_> = names.iter().map(|name| writer(&fixture, name)).collect();
            for (name, child) in names.into_iter().zip(children) {
                // The number of entries before the kill differs from round to round.
                let patience = (round * 5 + acknowledged.len() * 3) % 23;
                acknowledged.insert(name, killed_after(child, patience));
            }
            check(&fixture, &acknowledged);
        }
        total += acknowledged.values().sum::<usize>();
    }
    assert!(total > ROUNDS * WRITERS, "the writers were killed before they wrote: {total}");
}

/// Kills the writer after it has printed `patience` lines. Returns the number of all its lines.
fn killed_after(mut child: Process, patience: usize) -> usize {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reports = lines.map_while(Result::ok).filter(|line| line.starts_with("acknowledged"));
    let before = reports.by_ref().take(patience).count();
    child.kill();
    before + reports.count()
}

/// Checks that the acknowledged entries exist once and in order, with at most one more for each
/// writer, and that a new handle can append.
fn check(fixture: &Fixture, acknowledged: &BTreeMap<String, usize>) {
    let store = fixture.open();
    fixture.append(&store, "{\"writer\":\"check\",\"n\":0}");
    let entries: Vec<Numbered> = store.read_values(fixture.session, fixture.segment).unwrap();
    assert_eq!(entries.len(), fixture.count(&store));
    for (name, &count) in acknowledged {
        let own: Vec<_> =
            entries.iter().filter(|entry| entry.writer == *name).map(|entry| entry.n).collect();
        assert!(
            own.len() == count || own.len() == count + 1,
            "{name}: {count} acknowledged, {} stored",
            own.len()
        );
        assert!(own.iter().copied().eq(0..own.len()), "{name}: {own:?}");
    }
}
