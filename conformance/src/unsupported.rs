//! Tests an operation that a store does not declare. The operation must return `Unsupported` and
//! change nothing.

use session_store_core::{Capability, Head, Pod, StoreError};

use crate::check_result::{CheckResult, mismatch};
use crate::run::Run;
use crate::sample::{numbered, trace};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;

type NamedCall = (&'static str, fn(&TestLog<'_>, Head) -> Result<(), StoreError>);

/// Returns the calls that need the capability `operation`. The list is empty for a capability that
/// only promises a property of the store, such as `Persistent`.
pub(crate) fn calls_of(operation: Capability) -> &'static [NamedCall] {
    match operation {
        Capability::ConditionalAppend => &[
            ("append_if", |log, head| log.append_if(Some(head), &numbered(9..10)).map(drop)),
            ("append_if", |log, _| log.sibling().append_if(None, &numbered(9..10)).map(drop)),
            ("truncate_if", |log, head| log.truncate_if(head, 1).map(drop)),
        ],
        Capability::ReadTraces => {
            &[("read_trace_page", |log, _| log.read_trace_page(0, 1).map(drop))]
        }
        Capability::Delete => &[
            ("delete_segment", |log, _| log.delete().map(drop)),
            ("delete_session", |log, _| log.store().delete_session(log.session_id()).map(drop)),
        ],
        Capability::DurableSync => &[("sync", |log, _| log.store().sync())],
        Capability::ConditionalPut => &[("put_pod_if", |log, _| {
            let pod = Pod::new(log.session_id(), None);
            log.store().pods().map_or_else(
                // A store without pods has no method to call.
                || {
                    let (operation, capability) = ("put_pod_if", Capability::ConditionalPut);
                    Err(StoreError::Unsupported { operation, capability })
                },
                |pods| pods.put_pod_if(&"reviewer".parse()?, None, &pod),
            )
        })],
        _ => &[],
    }
}

/// Fails unless every call that needs `operation` returns `Unsupported` for this capability and
/// changes nothing.
pub(crate) fn must_be_unsupported(run: &Run<'_>, operation: Capability) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    log.append_trace(&trace(r#"{"t":0}"#))?;
    let (head, before) = (log.known_head()?, Snapshot::of(&store)?);
    for (name, call) in calls_of(operation) {
        match call(&log, head) {
            Err(StoreError::Unsupported { capability, .. }) if capability == operation => {}
            other => {
                let context = format!("{name} without the capability {operation}");
                let expected = format!("Unsupported for the capability {operation}");
                return Err(mismatch(&context, &expected, &format!("{other:?}")));
            }
        }
    }
    before.must_be_unchanged_in(&store, "an unsupported operation changes nothing")
}
