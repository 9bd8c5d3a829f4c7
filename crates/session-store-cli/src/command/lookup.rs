//! `lookup`: prints the session that contains a segment. If there is none, it prints nothing and
//! ends with status 1.

use serde::Serialize;
use session_store::SessionId;

use crate::args::LookupArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::store::open;

#[derive(Serialize)]
struct Holder {
    session_id: Option<SessionId>,
}

pub(crate) fn run(args: &LookupArgs, out: &mut Output) -> Result<Exit, Failure> {
    let key = args.segment.find(None, &open(&args.store)?)?;
    let session_id = key.map(|key| key.session_id);
    if out.is_json() {
        out.json_line(&Holder { session_id })?;
    } else if let Some(session_id) = session_id {
        out.line(session_id)?;
    }
    Ok(Exit::done_if(session_id.is_some()))
}
