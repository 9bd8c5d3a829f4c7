//! `show`: a segment's log or trace, exactly as stored. It is JSON, an object a line, with and without
//! `--json`.

use session_store::{LogEntry, StoreExt, TraceEntry};

use crate::args::ShowArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::reader::Entry;
use crate::target::Target;

pub(crate) fn run(args: &ShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let target = args.target.open()?;
    let Target { store, session_id, segment_id } = &target;
    if args.trace {
        for entry in store.trace_entries(*session_id, *segment_id, 0) {
            out.line(entry.context(|| target.operation(TraceEntry::WHOLE))?.as_json())?;
        }
    } else {
        for entry in store.entries(*session_id, *segment_id, 0) {
            out.line(entry.context(|| target.operation(LogEntry::WHOLE))?.as_json())?;
        }
    }
    Ok(Exit::Done)
}
