//! `show`: a segment's log or trace, exactly as stored. It is JSON, an object a line, with and without
//! `--json`.

use session_store::StoreExt;

use crate::args::ShowArgs;
use crate::exit::Exit;
use crate::failure::{Failure, OrCannot};
use crate::output::Output;
use crate::target::Target;

pub(crate) fn run(args: &ShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let target = args.target.open()?;
    let Target { store, session_id, segment_id } = &target;
    if args.trace {
        for entry in store.trace_entries(*session_id, *segment_id, 0) {
            out.line(entry.or_cannot(|| attempt(&target, "the trace of segment"))?.as_json())?;
        }
    } else {
        for entry in store.entries(*session_id, *segment_id, 0) {
            out.line(entry.or_cannot(|| attempt(&target, "segment"))?.as_json())?;
        }
    }
    Ok(Exit::Done)
}

fn attempt(target: &Target, what: &str) -> String {
    format!("read {what} {} from {}", target.segment_id, target.store.url())
}
