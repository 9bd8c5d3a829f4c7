//! `show`: prints a log or a trace exactly as stored, or a log as a conversation, or writes a page.

mod html;
mod text;

use std::num::NonZero;

use session_store::{LogEntry, StoreExt, TraceEntry};

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
    /// Returns the exit of a command that found no entry in the range, or an error if the log or
    /// the trace ends before the range.
    fn empty<E: Line>(self, segment: Segment<'_>) -> Result<Exit, Failure> {
        if self.start == 0 || self.limit == 0 {
            return Ok(Exit::Done);
        }
        let operation = format!("{} from entry {} on", reading::<E>(segment), self.start + 1);
        Err(Failure::not_found(operation, "it has fewer entries"))
    }
}

/// Prints the entries, which are JSON with and without `--json`. A line that is not an entry is
/// reported and skipped.
fn show<E: Line>(segment: Segment<'_>, range: Range, out: &mut Output) -> Result<Exit, Failure> {
    let mut lines = lines::<E>(segment, range.start).take(range.limit).peekable();
    if lines.peek().is_none() {
        return range.empty::<E>(segment);
    }
    for line in lines {
        if let Some(entry) = readable(segment, line)? {
            out.line(entry.as_json())?;
        }
    }
    Ok(Exit::Done)
}
