//! Tests of the copies and comparisons of pods (named agents, each with a pointer to a session).

use session_store_core::{Capability, Pod, PodName, PodStore, SegmentId, SessionId, Store};
use session_store_memory::MemoryStore;
use session_store_migrate::{Comparison, Gap, Migration, PodOutcome, Side};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, migrate, verify};

fn name(text: &str) -> PodName {
    text.parse().unwrap()
}

fn pods_in(texts: &[(&str, &str)]) -> MemoryStore {
    let store = MemoryStore::new();
    for (pod, text) in texts {
        store.put_pod(&name(pod), &Pod::from_json(*text).unwrap()).unwrap();
    }
    store
}

#[test]
fn each_pod_is_copied_or_equal_or_in_conflict() {
    let source = pods_in(&[("absent", r#"{"x":1.0}"#), ("equal", "{}"), ("other", r#"{"x":1}"#)]);
    let destination = pods_in(&[("equal", "{}"), ("other", r#"{"x":2}"#)]);
    let report = migrate(&source, &destination);
    let outcomes: Vec<_> = report.pods.iter().map(|pod| &pod.outcome).collect();
    assert!(
        matches!(outcomes[..], [PodOutcome::Copied, PodOutcome::Equal, PodOutcome::Conflict(_)]),
        "{outcomes:?}"
    );
    assert!(!report.is_complete());
    let stored = |pod| destination.read_pod(&name(pod)).unwrap().unwrap().as_json().to_owned();
    assert_eq!((stored("absent"), stored("other")), (r#"{"x":1.0}"#.into(), r#"{"x":2}"#.into()));
}

#[test]
fn verify_compares_the_pods_of_both_stores() {
    let a = pods_in(&[("a", "{}"), ("both", "{}"), ("differs", r#"{"x":1}"#)]);
    let b = pods_in(&[("b", "{}"), ("both", "{}"), ("differs", r#"{"x":2}"#)]);
    let report = verify(&a, &b);
    let outcomes: Vec<_> = report.pods.iter().map(|pod| &pod.outcome).collect();
    assert!(
        matches!(
            outcomes[..],
            [
                Comparison::OnlyIn(Side::Source),
                Comparison::OnlyIn(Side::Destination),
                Comparison::Equal { entries: 1, bytes: 2, .. },
                Comparison::Differs(_),
            ]
        ),
        "{outcomes:?}"
    );
    assert!(!report.is_equal());
}

#[test]
fn a_store_without_pods_is_a_gap_only_if_the_other_has_pods() {
    let full = pods_in(&[("one", "{}")]);
    let mut without = HookedStore::new(&MemoryStore::new());
    without.lacks_pods = true;
    let report = migrate(&full, &without);
    assert_eq!(report.gaps, [Gap::Pods(Side::Destination)]);
    assert!(!report.is_complete());
    assert!(migrate(&MemoryStore::new(), &without).is_complete());
    assert!(migrate(&without, &full).is_complete(), "the source has no pods to copy");
    assert_eq!(verify(&without, &full).gaps, [Gap::Pods(Side::Source)]);
}

#[test]
fn a_selection_includes_the_pods_that_point_to_it() {
    let (chosen, other) = (SessionId::new(), SessionId::new());
    let source = MemoryStore::new();
    for (pod, session) in [("chosen", chosen), ("other", other)] {
        source.create_segment(session, SegmentId::new(), &entries(&[])).unwrap();
        source.put_pod(&name(pod), &Pod::new(session, None)).unwrap();
    }
    source.put_pod(&name("points nowhere"), &Pod::from_json("{}").unwrap()).unwrap();
    let destination = MemoryStore::new();
    let report = Migration::new(&source, &destination).sessions([chosen]).run().unwrap();
    assert!(report.is_complete());
    assert_eq!(destination.list_pods().unwrap(), [name("chosen")]);
}

/// Another writer puts the pod after it was compared and before it is copied.
#[test]
fn a_pod_that_changes_after_the_comparison_is_not_overwritten() {
    let source = pods_in(&[("coder", r#"{"x":1}"#)]);
    let store = MemoryStore::new();
    let destination = HookedStore::with_hook(&store, |call, store| match call {
        Call::PutPod => store.put_pod(&name("coder"), &Pod::from_json(r#"{"x":2}"#)?),
        _ => Ok(()),
    });
    let report = migrate(&source, &destination);
    assert!(matches!(report.pods[0].outcome, PodOutcome::Conflict(_)), "{report:?}");
    assert!(!report.is_complete());
    let stored = store.read_pod(&name("coder")).unwrap().unwrap();
    assert_eq!(stored.as_json(), r#"{"x":2}"#);
}

#[test]
fn a_pod_is_copied_to_a_store_without_conditional_puts_too() {
    let source = pods_in(&[("coder", r#"{"x":1}"#)]);
    let mut destination = HookedStore::new(&MemoryStore::new());
    destination.lacks = Some(Capability::ConditionalPut);
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert!(verify(&source, &destination).is_equal());
}
