//! `lookup`: prints the session that contains a segment. If no session contains the segment, prints
//! nothing and ends with status 1.

use serde_json::json;

use crate::args::LookupArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::store::open;

pub(crate) fn run(args: &LookupArgs, out: &mut Output) -> Result<Exit, Failure> {
    let key = args.segment.find(None, &open(&args.store)?)?;
    let session_id = key.map(|key| key.session_id);
    out.report(&json!({ "session_id": session_id }), session_id)?;
    Ok(Exit::done_if(session_id.is_some()))
}
