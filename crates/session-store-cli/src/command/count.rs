//! `count`: prints the number of entries in a segment.

use session_store::StoreExt;

use crate::args::SegmentArgs;
use crate::entry_count::EntryCount;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

pub(crate) fn run(args: &SegmentArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (store, key) = args.open()?;
    let counted = store.at(key).read_entry_count();
    let entries = counted.context(|| format!("count the entries of {key} in {}", store.url()))?;
    out.answer(&EntryCount { entries })?;
    Ok(Exit::Done)
}
