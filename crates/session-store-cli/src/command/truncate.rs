//! `truncate`: keeps the first entries of a segment and deletes the rest.

use session_store::StoreExt;

use crate::args::TruncateArgs;
use crate::entry_count::EntryCount;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

pub(crate) fn run(args: &TruncateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (store, key) = args.target.open()?;
    let truncated = store.at(key).truncate(args.entries);
    truncated.context(|| format!("truncate {key} in {}", store.url()))?;
    out.answer(&EntryCount { entries: args.entries })?;
    Ok(Exit::Done)
}
