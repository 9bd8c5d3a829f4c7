//! `show`: prints a log or a trace exactly as stored, or a log as a conversation, or writes a page.

mod html;
mod text;

use std::num::NonZero;

use session_store::{LogEntry, StoreError, StoreExt, TraceEntry};

use crate::args::ShowArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::message::Kind;
use crate::output::Output;
use crate::redacted::redacted;
use crate::reference::Place;
use crate::segment::{Line, Segment, lines, open_to_read, readable, reading};

pub(crate) fn run(args: &ShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let Place { session, segment, number } = &args.place;
    if number.is_some() && (args.html.is_some() || args.from.is_some()) {
        let cause = "SEGMENT already names an entry; leave out its number";
        return Err(Failure::cannot("use --html or --from", cause).with_kind(Kind::Usage));
    }
    let session = args.session.as_ref().or(session.as_ref());
    let (mut store, key) = open_to_read(&args.store, session, segment)?;
    if args.redact {
        store = redacted(store);
    }
    if let Some(path) = &args.html {
        return html::show(&store, key, path, args.force, out);
    }
    let segment = store.at(key);
    let from = args.from.or(*number).map_or(1, NonZero::get);
    let range = Range { start: from - 1, limit: args.limit.unwrap_or(usize::MAX) };
    if args.text {
        return text::show(segment, range, args.full, out);
    }
    if args.trace {
        show::<TraceEntry>(segment, range, out)
    } else {
        show::<LogEntry>(segment, range, out)
    }
}

/// The entries to print.
#[derive(Clone, Copy)]
struct Range {
    /// The position of the first entry.
    start: usize,
    limit: usize,
}

impl Range {
    /// Returns the lines of the range with their numbers, which count from 1. Fails if the log or
    /// the trace ends before the range.
    fn lines<E: Line>(
        self,
        segment: Segment<'_>,
    ) -> Result<impl Iterator<Item = (usize, Result<E, StoreError>)>, Failure> {
        let Self { start, limit } = self;
        let mut lines = (start + 1..).zip(lines(segment, start)).take(limit).peekable();
        if start > 0 && limit > 0 && lines.peek().is_none() {
            let operation = format!("{} from entry {} on", reading::<E>(segment), start + 1);
            return Err(Failure::not_found(operation, "it has fewer entries"));
        }
        Ok(lines)
    }
}

/// Prints the entries, which are JSON with and without `--json`. A line that is not an entry is
/// reported and skipped.
fn show<E: Line>(segment: Segment<'_>, range: Range, out: &mut Output) -> Result<Exit, Failure> {
    for (_, line) in range.lines::<E>(segment)? {
        if let Some(entry) = readable(segment, line)? {
            out.line(entry.as_json())?;
        }
    }
    Ok(Exit::Done)
}
