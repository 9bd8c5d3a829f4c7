//! `exists`: tests whether a segment exists. The answer is a word and the exit status.

use std::fmt;

use serde::Serialize;
use session_store::StoreExt;

use crate::args::SegmentArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::open;

#[derive(Serialize)]
struct Existence {
    exists: bool,
}

impl fmt::Display for Existence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.exists { "yes" } else { "no" })
    }
}

pub(crate) fn run(args: &SegmentArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let exists = match args.segment.find(args.session.as_ref(), &store)? {
        Some(key) => store.at(key).exists().context(|| format!("find {key} in {}", store.url()))?,
        None => false,
    };
    out.answer(&Existence { exists })?;
    Ok(Exit::done_if(exists))
}
