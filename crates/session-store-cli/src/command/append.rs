//! `append`: appends the lines of standard input to a segment, one by one or in one call.

use std::slice;

use session_store::{Head, LogEntry, StoreError, StoreExt, TraceEntry};

use crate::args::{AppendArgs, ExpectedHead};
use crate::entry_count::{print_count, print_head};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::input::{Lines, Source};
use crate::message::Kind;
use crate::output::Output;
use crate::segment::{Segment, open_to_append};
use crate::store::change;

pub(crate) fn run(args: &AppendArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.batch || args.if_head.is_some() {
        return append_batch(args, out);
    }
    if args.trace {
        let mut entries = 0;
        append_lines(args, out, TraceEntry::from_utf8, |segment, entry| {
            segment.append_trace(entry)?;
            entries += 1;
            Ok(entries)
        })
    } else {
        let mut head = None;
        append_lines(args, out, LogEntry::from_utf8, |segment, entry| {
            let appended = append_at(segment, head, slice::from_ref(entry))?;
            head = Some(appended);
            Ok(appended.entries())
        })
    }
}

/// Appends all lines in one call. Prints the new head if an expected head was given, and otherwise
/// the count.
fn append_batch(args: &AppendArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut lines = Lines::new(Source::stdin(), args.lines.max);
    let entries = lines.read_all()?;
    if entries.is_empty() {
        return Ok(Exit::Done);
    }
    // If the segment must have a head, its store must already exist.
    let must_exist = matches!(args.if_head, Some(ExpectedHead(Some(_))));
    let (store, key) = open_to_append(&args.store, &args.session, &args.segment, must_exist)?;
    let segment = store.at(key);
    let operation = || format!("append to {} in {}", segment.key(), store.url());
    change(&store, || {
        let Some(ExpectedHead(expected)) = args.if_head else {
            let head = append_at(segment, None, &entries).context(operation)?;
            print_count(head.entries(), out)?;
            return Ok(Exit::Done);
        };
        match segment.append_if(expected, &entries) {
            Err(StoreError::Conflict { actual, .. }) => {
                let actual = actual.map_or_else(|| "none".to_owned(), |head| head.to_string());
                Failure::cannot(operation(), format!("its head is {actual}"))
                    .with_kind(Kind::Conflict)
                    .report();
                Ok(Exit::No)
            }
            appended => {
                print_head(appended.context(operation)?, out)?;
                Ok(Exit::Done)
            }
        }
    })
}

/// Appends line by line, and prints the count that `append` returns. Output is flushed after each
/// count, because a printed count confirms to the reader of the pipe that the entry is stored.
fn append_lines<T>(
    args: &AppendArgs,
    out: &mut Output,
    parse: fn(Vec<u8>) -> Result<T, StoreError>,
    mut append: impl FnMut(Segment<'_>, &T) -> Result<usize, StoreError>,
) -> Result<Exit, Failure> {
    let mut lines = Lines::new(Source::stdin(), args.lines.max);
    let mut next = lines.next(parse)?;
    if next.is_none() {
        return Ok(Exit::Done);
    }
    // Open the store after the first line was parsed, so that invalid input does not create a
    // store.
    let (store, key) = open_to_append(&args.store, &args.session, &args.segment, false)?;
    let segment = store.at(key);
    change(&store, || {
        while let Some(entry) = next {
            let entries = append(segment, &entry);
            let entries =
                entries.context(|| format!("append to {} in {}", segment.key(), store.url()))?;
            print_count(entries, out)?;
            out.flush()?;
            next = lines.next(parse)?;
        }
        Ok(Exit::Done)
    })
}

/// Appends at the current head and returns the new head.
///
/// Other programs may append at the same time, so only the new head of a conditional append
/// contains the number of entries right after this append. A conflict means that nothing was
/// stored, so a retry at the actual head cannot store the entries twice. Any other error is
/// returned, because the entries may be stored.
fn append_at(
    segment: Segment<'_>,
    mut head: Option<Head>,
    entries: &[LogEntry],
) -> Result<Head, StoreError> {
    loop {
        match segment.append_if(head, entries) {
            Err(StoreError::Conflict { actual, .. }) => head = actual,
            appended => return appended,
        }
    }
}
