//! Measures stores without Python, for `peers.py`.
//!
//! The argument is a file with the text of an entry in each line. Each line of the input has the
//! URL of a new store, the length of a log, and the number of entries that are then appended one by
//! one. The answer has the seconds of one append, and of reading the log in a new handle.

use std::error::Error;
use std::time::Instant;
use std::{env, fs, io};

use session_store::{LogEntry, SegmentId, SessionId, Store, StoreExt, open, open_or_create};

fn main() -> Result<(), Box<dyn Error>> {
    let texts = fs::read_to_string(env::args().nth(1).ok_or("the file of texts is missing")?)?;
    let entries = texts.lines().map(LogEntry::from_json).collect::<Result<Vec<_>, _>>()?;
    for line in io::stdin().lines() {
        let line = line?;
        let [url, length, appends] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("not a URL and two numbers: {line}").into());
        };
        let (before, rest) = entries.split_at(length.parse()?);
        let (append, read) = measured(url, before, &rest[..appends.parse()?])?;
        println!("{append} {read}");
    }
    Ok(())
}

/// Returns the seconds of one append, and of reading all entries.
fn measured(
    url: &str,
    before: &[LogEntry],
    appended: &[LogEntry],
) -> Result<(f64, f64), Box<dyn Error>> {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let store = open_or_create(url)?;
    let log = store.segment(session, segment);
    if let [before @ .., last] = before {
        log.append_all(before)?;
        // The handle fills its caches before the measurement, as in a program that runs for long.
        log.append(last)?;
    }
    let start = Instant::now();
    appended.iter().try_for_each(|entry| log.append(entry))?;
    let append = start.elapsed().as_secs_f64() / appended.len() as f64;
    drop(store);
    let store = open(url)?;
    let start = Instant::now();
    let found = store.read_all(session, segment)?;
    let read = start.elapsed().as_secs_f64();
    let is_same = found == [before, appended].concat();
    if is_same { Ok((append, read)) } else { Err("not what was appended".into()) }
}
