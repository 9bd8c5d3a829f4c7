//! Tests of `open_pod`, which opens a conversation by the name of a pod (a named agent with a
//! pointer to a session). In the tests, one or several processes open a new or an existing pod.

use std::collections::BTreeSet;
use std::sync::Barrier;

use rstest::rstest;
use serde_json::json;
use session_store_agent::{
    AgentError, BestEffort, Kind, RestoredState, SegmentWriter, is_claims_session, open_pod,
    point_pod,
};
use session_store_core::{
    Capability, LogEntry, Pod, PodName, PodStore, SegmentId, SegmentKey, SessionId, Store,
    StoreError,
};
use session_store_memory::MemoryStore;
use uuid::Uuid;

use crate::faulty_store::{Fault, FaultyStore};
use crate::{named, record};

fn opening(session_id: SessionId) -> Result<Vec<LogEntry>, StoreError> {
    Ok(vec![record(Kind::SegmentStart, &json!({"session_id": session_id}))])
}

fn open<S: Store>(store: S, name: &PodName) -> (SegmentWriter<S>, RestoredState) {
    open_pod(store, name, opening).unwrap()
}

fn coder() -> PodName {
    "coder".parse().unwrap()
}

fn pod(text: &str) -> Pod {
    Pod::from_json(text).unwrap()
}

fn stored_pod(store: &dyn PodStore) -> Pod {
    store.read_pod(&coder()).unwrap().unwrap()
}

/// Forks the session of a pod, as a second runtime does, and sets the pod's pointer to the fork.
fn move_pod_to_fork(store: &MemoryStore) -> SegmentKey {
    let (first, _) = open(store.clone(), &coder());
    let session = first.session_id();
    let fork = SegmentWriter::create(store.clone(), session, &named(&["fork"])).unwrap();
    point_pod(store, &coder(), session, fork.segment_id()).unwrap();
    fork.key()
}

#[test]
fn the_first_open_creates_a_session_and_the_next_one_resumes_it() {
    let store = MemoryStore::new();
    let (mut writer, state) = open(store.clone(), &coder());
    assert_eq!((state.session_id, state.entry_count), (Some(writer.session_id()), 1));
    writer.append_all(&named(&["a"])).unwrap();
    let (again, state) = open(store.clone(), &coder());
    assert_eq!((again.key(), state.entry_count), (writer.key(), 2));
    assert_eq!(store.list_sessions().unwrap(), [writer.session_id()]);

    let (other, _) = open(store.clone(), &"Coder".parse().unwrap());
    assert_ne!(other.session_id(), writer.session_id());
}

#[test]
fn a_pod_is_opened_where_its_pointer_leads() {
    let store = MemoryStore::new();
    let (writer, _) = open(store.clone(), &coder());
    let session = writer.session_id();
    let fork = SegmentWriter::create(store.clone(), session, &named(&["fork"])).unwrap();
    store.put_pod(&coder(), &pod(r#"{"color":1.0,"active":null,"x":1e999}"#)).unwrap();
    point_pod(&store, &coder(), session, fork.segment_id()).unwrap();
    assert_eq!(open(store.clone(), &coder()).0.key(), fork.key());
    let text = stored_pod(&store).as_json().to_owned();
    assert!(text.starts_with(r#"{"color":1.0,"active":{"#) && text.ends_with(r#","x":1e999}"#));
}

#[test]
fn a_pointer_without_a_segment_leads_to_the_newest_segment_or_a_first_one() {
    let store = MemoryStore::new();
    let session = SessionId::new();
    store.put_pod(&coder(), &Pod::new(session, None)).unwrap();
    let (first, _) = open(store.clone(), &coder());
    assert_eq!((first.session_id(), first.entry_count()), (session, 1));
    let newest = SegmentWriter::create(store.clone(), session, &[]).unwrap();
    assert_eq!(open(store.clone(), &coder()).0.key(), newest.key());
    assert_eq!(store.list_sessions().unwrap(), [session]);
}

#[test]
fn a_pod_without_a_pointer_gets_one_and_keeps_its_fields() {
    let store = MemoryStore::new();
    store.put_pod(&coder(), &pod(r#"{"color":"red"}"#)).unwrap();
    let (writer, _) = open(store.clone(), &coder());
    let pod = stored_pod(&store);
    assert!(pod.as_json().starts_with(r#"{"color":"red","active":"#));
    assert_eq!(pod.active().unwrap().segment_id, Some(writer.segment_id()));
}

#[test]
fn after_a_pod_is_deleted_its_name_opens_a_new_session() {
    let store = MemoryStore::new();
    let (old, _) = open(store.clone(), &coder());
    store.delete_pod(&coder()).unwrap();
    let (new, _) = open(store.clone(), &coder());
    assert_ne!(new.session_id(), old.session_id());
    assert_eq!(store.list_sessions().unwrap().len(), 2);
}

#[test]
fn a_pointer_to_a_deleted_segment_is_an_error() {
    let store = MemoryStore::new();
    let deleted = SegmentId::new();
    store.put_pod(&coder(), &Pod::new(SessionId::new(), Some(deleted))).unwrap();
    let error = open_pod(&store, &coder(), opening).unwrap_err();
    assert!(matches!(error, AgentError::Store(StoreError::NotFound(id)) if id == deleted));
    assert_eq!(store.list_sessions().unwrap(), []);
}

#[test]
fn a_store_without_pods_is_refused() {
    let store = FaultyStore::without_pods();
    let error = open_pod(&store, &coder(), opening).unwrap_err();
    assert_eq!(error.to_string(), "cannot open pod coder: this store does not have pods");
}

#[test]
fn a_store_without_conditional_puts_is_refused_and_no_session_is_created() {
    let store = FaultyStore::lacking(Capability::ConditionalPut);
    let error = open_pod(&store, &coder(), opening).unwrap_err();
    assert_eq!(
        error.to_string(),
        "open_pod needs the capability conditional_put, which this store does not have"
    );
    assert_eq!(store.list_sessions().unwrap(), []);
    let error = point_pod(&store, &coder(), SessionId::new(), SegmentId::new()).unwrap_err();
    assert!(error.to_string().starts_with("point_pod needs"), "{error}");

    let (writer, _) = open(BestEffort(store.clone()), &coder());
    assert_eq!(open(store.clone(), &coder()).0.key(), writer.key(), "only the first open writes");
}

#[test]
fn threads_that_open_a_new_pod_at_once_open_one_session() {
    for _ in 0..50 {
        let (store, barrier) = (MemoryStore::new(), Barrier::new(4));
        store.put_pod(&coder(), &pod(r#"{"color":"red"}"#)).unwrap();
        let keys: BTreeSet<_> = std::thread::scope(|scope| {
            let open = || {
                barrier.wait();
                open(store.clone(), &coder()).0.key()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1, "{keys:?}");
        assert_eq!(store.list_sessions().unwrap().len(), 1);
        assert!(stored_pod(&store).as_json().starts_with(r#"{"color":"red","active":"#));
    }
}

/// A first open makes three conditional writes: the pod, the first segment, and the pod with the
/// segment. The first process is killed at each of these writes, before or after the write is
/// executed. The next open always continues.
#[test]
fn a_first_open_that_is_killed_is_completed_by_the_next_one() {
    for (before, fault) in (0..3).flat_map(|n| [(n, Fault::LostBefore), (n, Fault::LostAfter)]) {
        let store = FaultyStore::default();
        let mut faults = vec![Fault::Succeeds; before];
        faults.push(fault);
        // A killed process does not send a write again. So the test loses all three resends too.
        faults.extend([Fault::LostBefore; 3]);
        store.set_faults(&faults);
        open_pod(&store, &coder(), opening).unwrap_err();
        store.set_faults(&[]);

        let (writer, state) = open(&store, &coder());
        assert_eq!(state.entry_count, 1, "{before} {fault:?}");
        assert_eq!(store.list_sessions().unwrap(), [writer.session_id()], "{before} {fault:?}");
        assert_eq!(open(&store, &coder()).0.key(), writer.key());
    }
}

/// The tested process reads the pod. Then another process opens the pod, before the tested process
/// puts the pod.
#[test]
fn the_slower_of_two_first_opens_joins_the_session_of_the_faster_one() {
    let store = FaultyStore::default();
    store.before_put(|store| drop(open(store.clone(), &coder())));
    let (writer, state) = open(&store, &coder());
    assert_eq!(state.entry_count, 1);
    assert_eq!(store.list_sessions().unwrap(), [writer.session_id()]);
    assert_eq!(stored_pod(&store).active().unwrap().segment_id, Some(writer.segment_id()));
}

#[rstest]
#[case::before_the_session_is_created(0)]
#[case::after_the_session_is_created(1)]
fn a_field_that_changes_during_a_first_open_is_kept(#[case] puts_before: usize) {
    let store = FaultyStore::default();
    for _ in 0..puts_before {
        store.before_put(|_| {});
    }
    store.before_put(|store| {
        // Adds a field before all other fields. If there are no other fields, no comma follows the
        // field.
        let update = |pod: Option<&Pod>| {
            let text = pod.map_or("{}", Pod::as_json).replacen('{', r#"{"color":"red","#, 1);
            Pod::from_json(text.replace(",}", "}"))
        };
        session_store_core::PodStoreExt::update_pod(store, &coder(), update).unwrap();
    });
    let (writer, _) = open(&store, &coder());
    let pod = stored_pod(&store);
    assert!(pod.as_json().starts_with(r#"{"color":"red","#), "{pod:?}");
    assert_eq!(pod.active().unwrap().session_id, writer.session_id());
    assert_eq!(store.list_sessions().unwrap(), [writer.session_id()]);
}

/// The tested process has put the pod, and has not created the first segment yet. At this moment,
/// another process opens the pod, forks, and sets the pod's pointer to the fork.
#[test]
fn a_first_open_follows_a_pod_that_another_process_moves_before_the_first_segment_exists() {
    let store = MemoryStore::new();
    let mut fork = None;
    let (writer, _) = open_pod(store.clone(), &coder(), |session| {
        fork = Some(move_pod_to_fork(&store));
        opening(session)
    })
    .unwrap();
    assert_eq!(Some(writer.key()), fork);
    assert_eq!(store.list_sessions().unwrap().len(), 1);
    assert_eq!(open(store.clone(), &coder()).0.key(), writer.key());
}

/// The tested process has created the first segment, and has not set the pod's pointer to this
/// segment yet. At this moment, another process opens the pod, forks, and sets the pod's pointer to
/// the fork.
#[test]
fn a_first_open_follows_a_pod_that_another_process_moves_after_the_first_segment_exists() {
    let store = FaultyStore::default();
    store.before_put(|_| {});
    store.before_put(|store| {
        move_pod_to_fork(store);
    });
    let (writer, _) = open(&store, &coder());
    assert_eq!(store.read_all(writer.session_id(), writer.segment_id()).unwrap(), named(&["fork"]));
    assert_eq!(stored_pod(&store).active().unwrap().segment_id, Some(writer.segment_id()));
}

#[test]
fn the_claims_session_of_earlier_versions_is_recognized() {
    let claims: Uuid = "00000000-0000-8000-8000-636c61696d73".parse().unwrap();
    assert!(is_claims_session(SessionId::from(claims)));
    assert!(!is_claims_session(SessionId::new()));
}
