//! `append`: appends the lines of standard input to a segment, and prints a count after each.

use session_store::{Head, LogEntry, OpenStore, Store, StoreError, TraceEntry};

use crate::args::AppendArgs;
use crate::entry_count::EntryCount;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::input::{Lines, Source};
use crate::output::Output;
use crate::store::open_or_create;

pub(crate) fn run(args: &AppendArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.trace {
        let mut entries = 0;
        append_lines(args, out, TraceEntry::from_utf8, |store, entry| {
            store.append_trace(args.session, args.segment, entry)?;
            entries += 1;
            Ok(entries)
        })
    } else {
        let mut head = None;
        append_lines(args, out, LogEntry::from_utf8, |store, entry| {
            let appended = append_at(store, args, head, entry)?;
            head = Some(appended);
            Ok(appended.entries())
        })
    }
}

/// Appends line by line, and prints the count that `append` returns. Output is flushed after each count,
/// because a reader of the pipe takes a printed count as proof that the entry is stored.
fn append_lines<T>(
    args: &AppendArgs,
    out: &mut Output,
    parse: fn(Vec<u8>) -> Result<T, StoreError>,
    mut append: impl FnMut(&OpenStore, &T) -> Result<usize, StoreError>,
) -> Result<Exit, Failure> {
    let mut lines = Lines::new(Source::stdin());
    let mut next = lines.next(parse)?;
    if next.is_none() {
        return Ok(Exit::Done);
    }
    // The store is opened after the first line was parsed, so that invalid input does not create one.
    let store = open_or_create(&args.store)?;
    while let Some(entry) = next {
        let entries = append(&store, &entry)
            .context(|| format!("append to segment {} in {}", args.segment, store.url()))?;
        out.answer(&EntryCount { entries })?;
        out.flush()?;
        next = lines.next(parse)?;
    }
    Ok(Exit::Done)
}

/// Appends at the current head and returns the new head.
///
/// Only a conditional append returns the number of entries right after this one, because other programs
/// may append at the same time. A conflict means that nothing was stored, so a retry at the actual head
/// cannot store the entry twice. After any other error the entry may be stored, so the error is returned.
fn append_at(
    store: &OpenStore,
    args: &AppendArgs,
    mut head: Option<Head>,
    entry: &LogEntry,
) -> Result<Head, StoreError> {
    loop {
        match store.append_if(args.session, args.segment, head, std::slice::from_ref(entry)) {
            Err(StoreError::Conflict { actual, .. }) => head = actual,
            appended => return appended,
        }
    }
}
