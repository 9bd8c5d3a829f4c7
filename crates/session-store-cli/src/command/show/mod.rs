//! `show`: prints a log or a trace exactly as stored, or a log as a conversation, or writes a page.

mod html;
mod text;

use session_store::{LogEntry, Pages, StoreExt, TraceEntry};

use crate::args::ShowArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::redacted::redacted;
use crate::segment::{Line, Segment, reading};

pub(crate) fn run(args: &ShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (mut store, key) = args.target.open_to_read()?;
    if args.redact {
        store = redacted(store);
    }
    if let Some(path) = &args.html {
        return html::show(&store, key, path, args.force, out);
    }
    let segment = store.at(key);
    if args.text {
        return text::show(segment, args.full, out);
    }
    if args.trace { show::<TraceEntry>(segment, out) } else { show::<LogEntry>(segment, out) }
}

/// Prints the entries, which are JSON with and without `--json`.
fn show<E: Line>(segment: Segment<'_>, out: &mut Output) -> Result<Exit, Failure> {
    for entry in segment.iterate::<E>(Pages::new(0).start_without_head()) {
        out.line(entry.context(|| reading::<E>(segment))?.as_json())?;
    }
    Ok(Exit::Done)
}
