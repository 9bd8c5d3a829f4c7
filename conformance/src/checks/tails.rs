//! Checks of section R of the contract for stores whose logs are files of lines: blank lines, CR at
//! line ends, and the tail of a log. A tail is a last line without a newline. The tail is torn if a
//! writer was interrupted before the entry was complete.

use std::fs;
use std::path::Path;

use session_store_core::{SegmentId, SegmentKey, SessionId, StoreError};

use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq, ensure_err};
use crate::run::Run;
use crate::sample::{entry, nth, numbered};
use crate::test_log::TestLog;

/// An object with every kind of token. Each of its strict prefixes is a torn entry.
const WHOLE: &str = "{\"n\":[1.5e3,true,null],\"é\\n\":{\"🦀\":\"}\"}}";

/// Writes the log file of a new segment with the given bytes.
pub(super) fn write_log(run: &Run<'_>, bytes: &[u8]) -> Result<SegmentKey, CheckError> {
    let key = SegmentKey::new(SessionId::new(), SegmentId::new());
    let path = run.log_file(key)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, bytes)?;
    run.call_log()
        .record(format!("log file written from outside: {:?}", String::from_utf8_lossy(bytes)));
    Ok(key)
}

/// Fails unless the log file of the segment has exactly that text.
fn must_have_text(run: &Run<'_>, key: SegmentKey, text: &str, context: &str) -> CheckResult {
    let bytes = fs::read(run.log_file(key)?)?;
    ensure_eq(&&*String::from_utf8_lossy(&bytes), &text, context)
}

/// Returns one whole line and then `tail`.
pub(super) fn with_tail(tail: &[u8]) -> Vec<u8> {
    [b"{\"n\":0}\n", tail].concat()
}

/// Returns torn tails of three kinds:
/// - every strict prefix of [`WHOLE`], some of which end inside a character,
/// - tails with NUL bytes, which a power cut can leave,
/// - tails that do not begin with a whole object.
fn torn_tails() -> Vec<Vec<u8>> {
    let prefixes = (1..WHOLE.len()).map(|end| WHOLE.as_bytes()[..end].to_vec());
    let nuls: [&[u8]; 3] = [b"\0", b"\0\0\0\0", b"{\"n\":\0\0"];
    let others: [&[u8]; 4] = [b"\xe3", b"garbage", b"[{\"n\":1}]", b"{\"n\":01}"];
    prefixes.chain(nuls.map(<[u8]>::to_vec)).chain(others.map(<[u8]>::to_vec)).collect()
}

pub(crate) fn r4_blank_lines_are_no_entries(run: &Run<'_>) -> CheckResult {
    let bytes = b"\n \t \n{\"n\":0}\r\n\r\n  {\"n\":1}\t \n\n{\"n\":2}\n \n";
    let key = write_log(run, bytes)?;
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    log.must_hold(&numbered(0..3), "a log with blank lines and CR")?;
    log.must_read_page(1, 1, &numbered(1..2), "a page between blank lines")?;
    log.append(&nth(3))?;
    log.truncate(4)?;
    log.must_hold(&numbered(0..4), "an append after blank lines")?;
    log.truncate(2)?;
    log.must_hold(&numbered(0..2), "a truncate between blank lines")
}

pub(crate) fn r4_lines_are_physical(run: &Run<'_>) -> CheckResult {
    let key = write_log(run, b"\n{\"n\":0}\n\n\nnonsense\n{\"n\":1}\n")?;
    let store = run.open()?;
    ensure_err!(TestLog::at(&store, key).read_all(), StoreError::Corrupt { line: 5, .. });
    Ok(())
}

pub(crate) fn r2_reading_leaves_the_file(run: &Run<'_>) -> CheckResult {
    for tail in [&b"{\"n\":1}"[..], b"{\"n\":", b"\0\0", b"\r\n \n"] {
        let bytes = with_tail(tail);
        let key = write_log(run, &bytes)?;
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        let count = log.read_entry_count()?;
        ensure_eq(&log.read_all()?.len(), &count, "the length of read_all and the count")?;
        let _read = (log.read_page(0, 10)?, log.head()?, log.exists()?, log.lookup()?);
        let now = fs::read(run.log_file(key)?)?;
        ensure_eq(&now, &bytes, "the bytes of the file after reads")?;
    }
    Ok(())
}

pub(crate) fn r5_a_whole_last_line_is_an_entry(run: &Run<'_>) -> CheckResult {
    let key = write_log(run, &with_tail(WHOLE.as_bytes()))?;
    let store = run.open()?;
    let expected = [entry(r#"{"n":0}"#), entry(WHOLE)];
    let log = TestLog::at(&store, key);
    log.must_hold(&expected, "a log without a newline at the end")?;
    log.must_read_page(1, 0, &expected[1..], "the last page")?;
    ensure_eq(&log.lookup()?, &Some(key.session_id), "the session of the segment")?;
    log.truncate(2)?;
    log.must_hold(&expected, "the log after a truncate to its length")?;
    ensure_err!(log.truncate(3), StoreError::Corrupt { line: 3, .. });
    log.truncate(1)?;
    log.must_hold(&expected[..1], "the log after a truncate of the last line")
}

pub(crate) fn r5_an_append_writes_the_owed_newline(run: &Run<'_>) -> CheckResult {
    let key = write_log(run, &with_tail(br#"{"n":1}"#))?;
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    log.append(&nth(2))?;
    log.must_hold(&numbered(0..3), "an append after a line without a newline")?;
    must_have_text(run, key, "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n", "the file")
}

pub(crate) fn r5_batches_write_the_owed_newline(run: &Run<'_>) -> CheckResult {
    let key = write_log(run, &with_tail(br#"{"n":1}"#))?;
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    log.append_all(&numbered(2..4))?;
    log.append_all(&numbered(4..5))?;
    log.must_hold(&numbered(0..5), "a batch after a line without a newline")
}

pub(crate) fn r5_conditions_write_the_owed_newline(run: &Run<'_>) -> CheckResult {
    for tail in [&br#"{"n":1}"#[..], br#"{"n":"#] {
        let key = write_log(run, &with_tail(tail))?;
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        let before = log.read_all()?;
        let head = log.append_if(log.head()?, &numbered(7..9))?;
        ensure_eq(&head.entries(), &(before.len() + 2), "the count in the head after a repair")?;
        log.must_hold(&[before, numbered(7..9)].concat(), "append_if after a repair")?;
    }
    Ok(())
}

pub(crate) fn r5_a_torn_tail_is_not_there(run: &Run<'_>) -> CheckResult {
    let tails = torn_tails();
    let keys: Result<Vec<_>, _> =
        tails.iter().map(|tail| write_log(run, &with_tail(tail))).collect();
    let store = run.open()?;
    for (key, tail) in keys?.into_iter().zip(&tails) {
        let context = format!("a log that ends with {:?}", String::from_utf8_lossy(tail));
        TestLog::at(&store, key).must_hold(&numbered(0..1), &context)?;
    }
    Ok(())
}

pub(crate) fn r5_a_torn_tail_is_moved_aside(run: &Run<'_>) -> CheckResult {
    let tails = torn_tails();
    let keys: Result<Vec<_>, _> =
        tails.iter().map(|tail| write_log(run, &with_tail(tail))).collect();
    let keys = keys?;
    let store = run.open()?;
    for (&key, tail) in keys.iter().zip(&tails) {
        let context = format!("an append after {:?}", String::from_utf8_lossy(tail));
        let log = TestLog::at(&store, key);
        log.append(&nth(1))?;
        log.must_hold(&numbered(0..2), &context)?;
        must_have_text(run, key, "{\"n\":0}\n{\"n\":1}\n", &context)?;
    }
    Ok(())
}

pub(crate) fn r5_nuls_after_an_object_are_torn(run: &Run<'_>) -> CheckResult {
    for tail in [&b"{\"n\":1}\0\0"[..], b"{\"n\":1}\0{\"n\":2}"] {
        let key = write_log(run, &with_tail(tail))?;
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        log.must_hold(&numbered(0..2), "an entry without a newline, and NUL bytes")?;
        log.append(&nth(2))?;
        log.must_hold(
            &numbered(0..3),
            "an append after an entry without a newline, and NUL bytes",
        )?;
        let expected = "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n";
        must_have_text(run, key, expected, "the text of the file")?;
    }
    Ok(())
}

pub(crate) fn r5_two_objects_are_a_bad_line(run: &Run<'_>) -> CheckResult {
    let key = write_log(run, &with_tail(br#"{"n":1}{"n":2}"#))?;
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    ensure_err!(log.read_all(), StoreError::Corrupt { line: 2, .. });
    log.append(&nth(3))?;
    ensure_err!(log.read_all(), StoreError::Corrupt { line: 2, .. });
    log.must_read_page(2, 100, &numbered(3..4), "the page after the bad line")
}

pub(crate) fn r5_nothing_torn_is_deleted(run: &Run<'_>) -> CheckResult {
    let tail = b"{\"torn\":\"before its en";
    let key = write_log(run, &with_tail(tail))?;
    let store = run.open()?;
    TestLog::at(&store, key).append(&nth(1))?;
    let folder = run.folder()?;
    ensure!(holds(&folder, tail)?, "no file in {} has the torn tail", folder.display());
    Ok(())
}

/// Returns whether a file in `folder` or below contains the bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Result<bool, CheckError> {
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

pub(crate) fn r5_a_log_of_nothing_but_a_tail(run: &Run<'_>) -> CheckResult {
    for bytes in [&b""[..], b"{", b"{\"n\"", b"\0\0\0"] {
        let key = write_log(run, bytes)?;
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        log.must_hold(&[], "a log that is empty or a torn tail")?;
        log.append(&nth(0))?;
        log.must_hold(&numbered(0..1), "the first append")?;
    }
    Ok(())
}

pub(crate) fn r5_repair_under_other_handles(run: &Run<'_>) -> CheckResult {
    let torn = write_log(run, &with_tail(b"{\"n\":1,"))?;
    let owed = write_log(run, &with_tail(br#"{"n":1}"#))?;
    for (key, first) in [(torn, 1), (owed, 2)] {
        let handles = run.open_many(3)?;
        let logs: Vec<_> = handles.iter().map(|store| TestLog::at(store, key)).collect();
        for log in &logs {
            log.must_hold(&numbered(0..first), "a log before its repair")?;
        }
        for (n, log) in (first..).zip(&logs) {
            log.append(&nth(n))?;
        }
        for log in &logs {
            log.must_hold(&numbered(0..first + 3), "a log after another handle repaired it")?;
        }
    }
    Ok(())
}
