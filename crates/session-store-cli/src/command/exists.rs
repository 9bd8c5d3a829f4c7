//! `exists`: tests whether a segment exists. The answer is a word and the exit status.

use serde_json::json;
use session_store::StoreExt;

use crate::args::SegmentArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::open;

pub(crate) fn run(args: &SegmentArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let exists = match args.segment.find(args.session.as_ref(), &store)? {
        Some(key) => store.at(key).exists().context(|| format!("find {key} in {}", store.url()))?,
        None => false,
    };
    out.report(&json!({ "exists": exists }), [if exists { "yes" } else { "no" }])?;
    Ok(Exit::done_if(exists))
}
