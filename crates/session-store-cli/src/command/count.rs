//! `count`: prints the number of entries in a segment, or its head.

use session_store::StoreExt;

use crate::args::CountArgs;
use crate::entry_count::{print_count, print_head};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

pub(crate) fn run(args: &CountArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (store, key) = args.target.open()?;
    let operation = || format!("count the entries of {key} in {}", store.url());
    if args.head {
        let head = store.at(key).head().context(operation)?;
        let head = head.ok_or_else(|| Failure::not_found(operation(), "it does not exist"))?;
        print_head(head, out)?;
    } else {
        let entries = store.at(key).read_entry_count().context(operation)?;
        print_count(entries, out)?;
    }
    Ok(Exit::Done)
}
