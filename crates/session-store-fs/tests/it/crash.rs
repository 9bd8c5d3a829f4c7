//! Writers killed at any moment (S3, A6): what they acknowledged is there once, nothing is glued or torn for
//! a reader, and the next append works. Sizes are odd, since writes that end on a page are never torn.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use session_store_core::{Store, StoreExt};
use session_store_fs::FsStore;
use test_deadlines::Process;

use crate::{Fixture, entry};

/// Where the child finds its store, its ids and its number.
const JOB: &str = "SESSION_STORE_FS_WRITER";

const ROUNDS: usize = 20;
const WRITERS: usize = 3;

#[derive(serde::Deserialize)]
struct Numbered {
    writer: String,
    n: usize,
}

/// A writer that reports each acknowledged entry on its standard output.
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
#[ignore = "run by killed_writers_lose_nothing"]
fn child_that_appends_until_killed() {
    let job = std::env::var(JOB).expect("only another test runs this one, with a job to do");
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
fn killed_writers_lose_nothing() {
    let mut total = 0;
    for round in 0..ROUNDS {
        let fixture = Fixture::new();
        let mut acknowledged = BTreeMap::new();
        // The second wave finds, and heals, what the kills of the first left behind.
        for wave in 0..2 {
            let names: Vec<_> = (0..WRITERS).map(|writer| format!("{wave}-{writer}")).collect();
            let children: Vec<_> = names.iter().map(|name| writer(&fixture, name)).collect();
            for (name, child) in names.into_iter().zip(children) {
                // How far a writer comes before it is killed differs from round to round.
                let patience = (round * 5 + acknowledged.len() * 3) % 23;
                acknowledged.insert(name, killed_after(child, patience));
            }
            check(&fixture, &acknowledged);
        }
        total += acknowledged.values().sum::<usize>();
    }
    assert!(total > ROUNDS * WRITERS, "the writers came to write: {total}");
}

/// Kills the writer once it has reported so many entries, and counts all that it reported.
fn killed_after(mut child: Process, patience: usize) -> usize {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reports = lines.map_while(Result::ok).filter(|line| line.starts_with("acknowledged"));
    let before = reports.by_ref().take(patience).count();
    child.kill();
    before + reports.count()
}

/// Everything acknowledged is there, once and in order, at most one entry more than that, and a new handle
/// can append.
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
            "{name}: {count} acknowledged, {} there",
            own.len()
        );
        assert!(own.iter().copied().eq(0..own.len()), "{name}: {own:?}");
    }
}
