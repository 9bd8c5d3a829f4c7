//! `truncate`: keeps the first entries of a segment and deletes the rest.

use session_store::{StoreError, StoreExt};

use crate::args::TruncateArgs;
use crate::entry_count::print_count;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::change;
use crate::text::entries;

pub(crate) fn run(args: &TruncateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (store, key) = args.target.open_to_write()?;
    let operation = || format!("truncate {key} in {}", store.url());
    let stored = store.at(key).read_entry_count().context(operation)?;
    if stored > args.entries {
        let deleted = entries(stored - args.entries);
        let question = format!("delete the last {deleted} of {key} in {}", store.url());
        if !args.confirm.confirm::<&str>(&question, &[])? {
            return Ok(Exit::No);
        }
    }
    let truncate = || store.at(key).truncate(args.entries);
    change(&store, || {
        truncate().map_err(|error| match error {
            // The store reports a length past the end as a corrupt line, but the log is intact.
            StoreError::Corrupt { line, message } if line == args.entries => {
                Failure::cannot(operation(), message)
            }
            error => Failure::cannot(operation(), error),
        })
    })?;
    print_count(args.entries, out)?;
    Ok(Exit::Done)
}
