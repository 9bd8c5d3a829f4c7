//! `count`: prints the number of entries in a segment.

use session_store::Store;

use crate::args::SegmentArgs;
use crate::entry_count::EntryCount;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

pub(crate) fn run(args: &SegmentArgs, out: &mut Output) -> Result<Exit, Failure> {
    let target = args.open()?;
    let entries =
        target.store.read_entry_count(target.session_id, target.segment_id).context(|| {
            format!("count the entries of segment {} in {}", target.segment_id, target.store.url())
        })?;
    out.answer(&EntryCount { entries })?;
    Ok(Exit::Done)
}
