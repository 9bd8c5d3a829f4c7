//! `append`: lines of standard input to the end of a segment, a count for each one that is stored.

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

/// Appends line by line and prints after each what `append` counts, at once: a reader on the pipe relies on
/// every count that it has seen.
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
    // Opened no sooner than there is an entry for it: bad input alone makes no store.
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

/// Appends at the head, wherever other writers have moved it meanwhile: only a conditional append tells the
/// count that the segment has right after this entry. A conflict has stored nothing, so trying again cannot
/// store twice; any other error ends the command.
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
