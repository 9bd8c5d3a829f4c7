//! `exists`: tests whether a segment exists. The answer is a word and the exit status.

use std::fmt;

use serde::Serialize;
use session_store::Store;

use crate::args::SegmentArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::segment::look_up_session;
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
    let exists = match args.session {
        Some(session_id) => store
            .exists(session_id, args.segment)
            .context(|| format!("find segment {} in {}", args.segment, store.url()))?,
        None => look_up_session(&store, args.segment)?.is_some(),
    };
    out.answer(&Existence { exists })?;
    Ok(Exit::done_if(exists))
}
