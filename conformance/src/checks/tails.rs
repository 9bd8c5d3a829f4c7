//! R4 and R5 in a log that is a file: blank lines, foreign line ends, torn and unterminated tails.

use std::fs;
use std::path::{Path, PathBuf};

use session_store_core::{SegmentId, SessionId, StoreError};

use crate::failure::{Failure, Verdict, ensure, ensure_err, same, same_entries};
use crate::log::{Ids, Log};
use crate::run::Run;
use crate::sample::{entry, numbered};

/// An object of every kind of token; each of its strict prefixes is torn.
const WHOLE: &str = "{\"n\":[1.5e3,true,null],\"é\\n\":{\"🦀\":\"}\"}}";

/// Writes a segment's log as another program would have left it.
fn plant(run: &Run<'_>, bytes: &[u8]) -> Result<Ids, Failure> {
    let ids = (SessionId::new(), SegmentId::new());
    let path = path_of(run, ids)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, bytes)?;
    run.trail().record(format!("a log from outside: {:?}", String::from_utf8_lossy(bytes)));
    Ok(ids)
}

fn path_of(run: &Run<'_>, (session_id, segment_id): Ids) -> Result<PathBuf, Failure> {
    let path = run.storage().log_file(session_id, segment_id);
    path.ok_or_else(|| Failure::new("the harness names no log file"))
}

fn file(run: &Run<'_>, ids: Ids) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&fs::read(path_of(run, ids)?)?).into_owned())
}

/// One whole line, then an unfinished one.
fn with_tail(tail: &[u8]) -> Vec<u8> {
    [b"{\"n\":0}\n", tail].concat()
}

/// Every way to tear `WHOLE`, inside of characters too, and the NULs that a power cut leaves.
fn torn_tails() -> Vec<Vec<u8>> {
    let prefixes = (1..WHOLE.len()).map(|end| WHOLE.as_bytes()[..end].to_vec());
    let nuls: [&[u8]; 4] = [b"\0", b"\0\0\0\0", b"{\"n\":\0\0", b"{\"n\":1}\0\0"];
    prefixes.chain(nuls.map(<[u8]>::to_vec)).collect()
}

pub(crate) fn r4_blank_lines_are_no_entries(run: &Run<'_>) -> Verdict {
    let bytes = b"\n \t \n{\"n\":0}\r\n\r\n  {\"n\":1}\t \n\n{\"n\":2}\n \n";
    let ids = plant(run, bytes)?;
    let store = run.open()?;
    let log = Log::known(&store, ids);
    log.must_hold(&numbered(0..3), "blank lines are no entries, and CR is no part of one")?;
    same_entries(&log.page(1, 1)?.entries, &numbered(1..2), "a page among blank lines")?;
    log.append(&numbered(3..4)[0])?;
    log.truncate(4)?;
    log.must_hold(&numbered(0..4), "appending after blank lines")?;
    log.truncate(2)?;
    log.must_hold(&numbered(0..2), "truncating among blank lines")
}

pub(crate) fn r4_lines_are_physical(run: &Run<'_>) -> Verdict {
    let ids = plant(run, b"\n{\"n\":0}\n\n\nnonsense\n{\"n\":1}\n")?;
    let store = run.open()?;
    ensure_err!(Log::known(&store, ids).entries(), StoreError::Corrupt { line: 5, .. });
    Ok(())
}

pub(crate) fn r2_reading_leaves_the_file(run: &Run<'_>) -> Verdict {
    for tail in [&b"{\"n\":1}"[..], b"{\"n\":", b"\0\0", b"\r\n \n"] {
        let bytes = with_tail(tail);
        let ids = plant(run, &bytes)?;
        let store = run.open()?;
        let log = Log::known(&store, ids);
        let count = log.count()?;
        same(&log.entries()?.len(), &count, "count and read agree")?;
        let _read = (log.page(0, 10)?, log.head()?, log.exists()?, log.lookup()?);
        let now = fs::read(path_of(run, ids)?)?;
        same(&now, &bytes, "reading leaves the file as it is")?;
    }
    Ok(())
}

pub(crate) fn r5_a_whole_last_line_is_an_entry(run: &Run<'_>) -> Verdict {
    let ids = plant(run, &with_tail(WHOLE.as_bytes()))?;
    let store = run.open()?;
    let expected = [entry(r#"{"n":0}"#), entry(WHOLE)];
    let log = Log::known(&store, ids);
    log.must_hold(&expected, "the closing brace commits")?;
    same_entries(&log.page(1, 0)?.entries, &expected[1..], "the last page")?;
    same(&log.lookup()?, &Some(ids.0), "a log from outside is found")?;
    log.truncate(2)?;
    log.must_hold(&expected, "a truncate to its length changes nothing")?;
    ensure_err!(log.truncate(3), StoreError::Corrupt { line: 3, .. });
    log.truncate(1)?;
    log.must_hold(&expected[..1], "truncate can cut it")
}

pub(crate) fn r5_an_append_writes_the_owed_newline(run: &Run<'_>) -> Verdict {
    let ids = plant(run, &with_tail(br#"{"n":1}"#))?;
    let store = run.open()?;
    let log = Log::known(&store, ids);
    log.append(&numbered(2..3)[0])?;
    log.must_hold(&numbered(0..3), "an append after an unterminated line")?;
    same(&file(run, ids)?.as_str(), &"{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n", "the file")
}

pub(crate) fn r5_batches_write_the_owed_newline(run: &Run<'_>) -> Verdict {
    let ids = plant(run, &with_tail(br#"{"n":1}"#))?;
    let store = run.open()?;
    let log = Log::known(&store, ids);
    log.append_all(&numbered(2..4))?;
    log.append_all(&numbered(4..5))?;
    log.must_hold(&numbered(0..5), "a batch after an unterminated line")
}

pub(crate) fn r5_conditions_write_the_owed_newline(run: &Run<'_>) -> Verdict {
    for tail in [&br#"{"n":1}"#[..], br#"{"n":"#] {
        let ids = plant(run, &with_tail(tail))?;
        let store = run.open()?;
        let log = Log::known(&store, ids);
        let before = log.entries()?;
        let head = log.append_if(log.head()?, &numbered(7..9))?;
        same(&head.entries(), &(before.len() + 2), "the head after a repaired tail")?;
        log.must_hold(&[before, numbered(7..9)].concat(), "append_if after a bad tail")?;
    }
    Ok(())
}

pub(crate) fn r5_a_torn_tail_is_not_there(run: &Run<'_>) -> Verdict {
    let tails = torn_tails();
    let planted: Result<Vec<_>, _> =
        tails.iter().map(|tail| plant(run, &with_tail(tail))).collect();
    let store = run.open()?;
    for (ids, tail) in planted?.into_iter().zip(&tails) {
        let promise = format!("a log that ends in {:?}", String::from_utf8_lossy(tail));
        Log::known(&store, ids).must_hold(&numbered(0..1), &promise)?;
    }
    Ok(())
}

pub(crate) fn r5_a_torn_tail_is_moved_aside(run: &Run<'_>) -> Verdict {
    let tails = torn_tails();
    let planted: Result<Vec<_>, _> =
        tails.iter().map(|tail| plant(run, &with_tail(tail))).collect();
    let planted = planted?;
    let store = run.open()?;
    for (&ids, tail) in planted.iter().zip(&tails) {
        let promise = format!("an append after {:?}", String::from_utf8_lossy(tail));
        let log = Log::known(&store, ids);
        log.append(&numbered(1..2)[0])?;
        log.must_hold(&numbered(0..2), &promise)?;
        same(&file(run, ids)?.as_str(), &"{\"n\":0}\n{\"n\":1}\n", &promise)?;
    }
    Ok(())
}

pub(crate) fn r5_nothing_torn_is_deleted(run: &Run<'_>) -> Verdict {
    let tail = b"{\"what was torn\":\"is evid";
    let ids = plant(run, &with_tail(tail))?;
    let store = run.open()?;
    Log::known(&store, ids).append(&numbered(1..2)[0])?;
    let folder =
        run.storage().folder().ok_or_else(|| Failure::new("the harness names no folder"))?;
    ensure!(holds(&folder, tail)?, "the torn tail is nowhere under {}", folder.display());
    Ok(())
}

/// Whether any file under `folder` contains the bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let found = if item.file_type()?.is_dir() {
            holds(&item.path(), bytes)?
        } else {
            fs::read(item.path())?.windows(bytes.len()).any(|window| window == bytes)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn r5_a_log_of_nothing_but_a_tail(run: &Run<'_>) -> Verdict {
    for bytes in [&b""[..], b"{", b"{\"n\"", b"\0\0\0"] {
        let ids = plant(run, bytes)?;
        let store = run.open()?;
        let log = Log::known(&store, ids);
        log.must_hold(&[], "an empty log, or only a torn tail")?;
        log.append(&numbered(0..1)[0])?;
        log.must_hold(&numbered(0..1), "the first append to it")?;
    }
    Ok(())
}

pub(crate) fn r5_repair_under_other_handles(run: &Run<'_>) -> Verdict {
    let torn = plant(run, &with_tail(b"{\"n\":1,"))?;
    let owed = plant(run, &with_tail(br#"{"n":1}"#))?;
    for (ids, first) in [(torn, 1), (owed, 2)] {
        let handles = run.open_many(3)?;
        let logs: Vec<_> = handles.iter().map(|store| Log::known(store, ids)).collect();
        for log in &logs {
            log.must_hold(&numbered(0..first), "before the repair")?;
        }
        for (n, log) in (first..).zip(&logs) {
            log.append(&numbered(n..n + 1)[0])?;
        }
        for log in &logs {
            log.must_hold(&numbered(0..first + 3), "after a repair by another handle")?;
        }
    }
    Ok(())
}
