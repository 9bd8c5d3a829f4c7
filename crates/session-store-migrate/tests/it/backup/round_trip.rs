//! Tests that exported stores, and exported parts of stores, are restored byte for byte.

use proptest::prelude::*;
use session_store_core::{Capability, Pod, PodName, SegmentKey, SessionId, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::{Part, export as run_export};
use session_store_migrate::{Gap, Selection, Side};
use uuid::Uuid;

use super::{PODS, UNUSUAL, backup_of, export, populated, restored};
use crate::hooked_store::HookedStore;
use crate::{entries, log_of, trace, verify};

#[test]
fn everything_is_restored() {
    let source = populated();
    let destination = restored(backup_of(&source));
    let report = verify(&source, &destination);
    assert!(report.is_equal(), "{report:?}");
    assert_eq!((report.segments.len(), report.pods.len()), (3, PODS.len()));
}

#[test]
fn an_empty_store_is_restored() {
    assert!(restored(backup_of(&MemoryStore::new())).list_sessions().unwrap().is_empty());
}

#[test]
fn the_manifest_has_the_size_and_the_hash_of_each_part() {
    let source = populated();
    let (_, report) = export(&source, &Selection::default());
    let manifest = &report.manifest;
    assert_eq!((manifest.segments(), manifest.pods()), (3, PODS.len()));
    assert_eq!((manifest.entries(), manifest.trace_entries()), (707, 2));
    for member in &manifest.members {
        if let Part::Log(key) = member.part {
            let log = log_of(&source, key);
            let text: String = log.iter().map(|text| format!("{text}\n")).collect();
            assert_eq!((member.total.entries, member.total.bytes), (log.len(), text.len() as u64));
        }
    }
}

#[test]
fn a_selection_is_exported() {
    let source = populated();
    let session = source.list_sessions().unwrap()[1];
    let pods = source.pods().unwrap();
    let pod = Pod::new(session, None);
    pods.put_pod(&"mine".parse().unwrap(), &pod).unwrap();
    let mut selection = Selection::default();
    selection.sessions = Some([session].into());
    let destination = restored(export(&source, &selection).0);
    assert_eq!(destination.list_sessions().unwrap(), [session]);
    let names = destination.pods().unwrap().list_pods().unwrap();
    assert_eq!(names, ["mine".parse::<PodName>().unwrap()]);

    selection.pods = false;
    selection.traces = false;
    let (file, report) = export(&source, &selection);
    assert!(!report.manifest.with_traces);
    assert_eq!((report.manifest.trace_entries(), report.manifest.pods()), (0, 0));
    assert!(restored(file).pods().unwrap().list_pods().unwrap().is_empty());
}

#[test]
fn an_unknown_session_is_refused_before_anything_is_written() {
    let mut selection = Selection::default();
    selection.sessions = Some([SessionId::new()].into());
    let mut file = Vec::new();
    run_export(&populated(), &selection, &mut file, &mut |_| {}).unwrap_err();
    assert!(file.is_empty());
}

#[test]
fn unreadable_parts_are_named_and_the_rest_is_exported() {
    let store = populated();
    let mut source = HookedStore::new(&store);
    source.bad_entry = 5;
    let (file, report) = export(&source, &Selection::default());
    assert!(!report.is_complete());
    let missing: Vec<_> = report.manifest.missing.iter().map(|missing| &missing.reason).collect();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing.iter().all(|reason| reason.contains("line 6")), "{missing:?}");
    let destination = restored(file.clone());
    assert_eq!(super::open(file).unwrap().manifest().missing, report.manifest.missing);
    assert_eq!(destination.list_sessions().unwrap().len(), 1);
    assert_eq!(destination.pods().unwrap().list_pods().unwrap().len(), PODS.len());
}

#[test]
fn a_source_without_readable_traces_leaves_a_gap() {
    let mut source = HookedStore::new(&populated());
    source.lacks = Some(Capability::ReadTraces);
    let (file, report) = export(&source, &Selection::default());
    assert_eq!(report.gaps, [Gap::Traces(Side::Source)]);
    assert!(!report.is_complete() && !report.manifest.with_traces);
    assert_eq!(restored(file).list_sessions().unwrap().len(), 2);
}

/// Generates stores. The ids are chosen from a few ids, so that several sessions often have a
/// segment of the same id.
fn any_store() -> impl Strategy<Value = MemoryStore> {
    let ids =
        any::<prop::sample::Index>().prop_map(|index| Uuid::from_u128(7 + index.index(3) as u128));
    let texts = prop::collection::vec(prop::sample::select(&UNUSUAL[..]), 0..6);
    let segment = (ids.clone(), ids, texts.clone(), texts);
    let pods = prop::collection::vec((prop::sample::select(&PODS[..]), any::<u8>()), 0..4);
    (prop::collection::vec(segment, 0..6), pods).prop_map(|(segments, pods)| {
        let store = MemoryStore::new();
        for (session, segment, log, traces) in segments {
            let key = SegmentKey::new(session.into(), segment.into());
            store.at(key).create(&entries(&log)).unwrap();
            trace(&store, key, &traces);
        }
        for (name, version) in pods {
            let pod = Pod::from_json(format!("{{\"v\": {version}}}")).unwrap();
            store.pods().unwrap().put_pod(&name.parse().unwrap(), &pod).unwrap();
        }
        store
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_store_is_restored(source in any_store()) {
        let report = verify(&source, &restored(backup_of(&source)));
        prop_assert!(report.is_equal(), "{report:?}");
    }
}
