//! `truncate`: keep a segment's first entries.

use session_store::Store;

use crate::answer::EntryCount;
use crate::args::TruncateArgs;
use crate::exit::Exit;
use crate::failure::{Failure, OrCannot};
use crate::output::Output;

pub(crate) fn run(args: &TruncateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let target = args.target.open()?;
    target.store.truncate(target.session_id, target.segment_id, args.entries).or_cannot(|| {
        format!("truncate segment {} in {}", target.segment_id, target.store.url())
    })?;
    out.answer(&EntryCount { entries: args.entries })?;
    Ok(Exit::Done)
}
