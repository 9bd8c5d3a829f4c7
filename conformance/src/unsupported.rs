//! What a check of an operation becomes where the store does not declare it: the operation answers
//! `Unsupported`, and nothing changes.

use session_store_core::{Capability, Head, StoreError};

use crate::failure::{Verdict, mismatch};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{numbered, trace};
use crate::snapshot::Snapshot;

type Attempt = (&'static str, fn(&Log<'_>, Head) -> Result<(), StoreError>);

/// The calls that `operation` covers; none for a guarantee.
pub(crate) fn attempts(operation: Capability) -> &'static [Attempt] {
    match operation {
        Capability::ConditionalAppend => &[
            ("append_if", |log, head| log.append_if(Some(head), &numbered(9..10)).map(drop)),
            ("append_if", |log, _| log.sibling().append_if(None, &numbered(9..10)).map(drop)),
            ("truncate_if", |log, head| log.truncate_if(head, 1).map(drop)),
        ],
        Capability::ReadTraces => &[("read_trace_page", |log, _| log.trace_page(0, 1).map(drop))],
        Capability::Delete => &[
            ("delete_segment", |log, _| log.delete().map(drop)),
            ("delete_session", |log, _| log.store.delete_session(log.session_id).map(drop)),
        ],
        Capability::DurableSync => &[("sync", |log, _| log.store.sync())],
        _ => &[],
    }
}

/// Fails unless every call of `operation` is refused for want of that capability, without effect.
pub(crate) fn must_be_refused(run: &Run<'_>, operation: Capability) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    log.trace(&trace(r#"{"t":0}"#))?;
    let (head, before) = (log.known_head()?, Snapshot::of(&store)?);
    for (name, attempt) in attempts(operation) {
        match attempt(&log, head) {
            Err(StoreError::Unsupported { capability, .. }) if capability == operation => {}
            other => {
                let promise = format!("{name} without the capability {operation}");
                let expected = format!("Unsupported for want of {operation}");
                return Err(mismatch(&promise, &expected, &format!("{other:?}")));
            }
        }
    }
    before.must_be_what(&store, "an unsupported operation changes nothing")
}
