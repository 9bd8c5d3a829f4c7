//! `truncate`: keeps the first entries of a segment and deletes the rest.

use session_store::Store;

use crate::args::TruncateArgs;
use crate::entry_count::EntryCount;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

pub(crate) fn run(args: &TruncateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let target = args.target.open()?;
    target
        .store
        .truncate(target.session_id, target.segment_id, args.entries)
        .context(|| format!("truncate segment {} in {}", target.segment_id, target.store.url()))?;
    out.answer(&EntryCount { entries: args.entries })?;
    Ok(Exit::Done)
}
