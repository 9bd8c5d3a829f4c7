//! Resuming by name, at first use and later, by one and by many at once.

use std::collections::BTreeSet;
use std::sync::Barrier;

use serde_json::json;
use session_store_agent::{
    AgentError, Kind, RestoredState, SegmentWriter, claims_session, open_pod, point_pod,
};
use session_store_core::{
    LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError,
};
use session_store_memory::MemoryStore;

use crate::flaky::{Fault, Flaky};
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

/// The sessions that are conversations.
fn sessions(store: &dyn Store) -> Vec<SessionId> {
    let mut ids = store.list_sessions().unwrap();
    ids.retain(|id| *id != claims_session());
    ids
}

#[test]
fn the_first_use_creates_and_the_next_resumes() {
    let store = MemoryStore::new();
    let (mut writer, state) = open(store.clone(), &coder());
    assert_eq!((state.session_id, state.entry_count), (Some(writer.session_id()), 1));
    writer.append_all(&named(&["a"])).unwrap();
    let (again, state) = open(store.clone(), &coder());
    assert_eq!((again.segment_id(), state.entry_count), (writer.segment_id(), 2));
    assert_eq!(sessions(&store), [writer.session_id()]);

    let (other, _) = open(store.clone(), &"Coder".parse().unwrap());
    assert_ne!(other.session_id(), writer.session_id());
}

#[test]
fn a_pod_follows_its_pointer() {
    let store = MemoryStore::new();
    let (writer, _) = open(store.clone(), &coder());
    let session = writer.session_id();
    let fork = SegmentWriter::create(store.clone(), session, &named(&["fork"])).unwrap();
    let pod = Pod::from_json("{\"color\":1.0,\"active\":null,\"x\":1e999}").unwrap();
    store.put_pod(&coder(), &pod).unwrap();
    point_pod(&store, &coder(), session, fork.segment_id()).unwrap();
    assert_eq!(open(store.clone(), &coder()).0.segment_id(), fork.segment_id());
    let text = store.read_pod(&coder()).unwrap().unwrap().as_json().to_owned();
    assert!(text.starts_with("{\"color\":1.0,\"active\":{") && text.ends_with(",\"x\":1e999}"));
}

#[test]
fn a_pointer_to_no_segment_means_the_newest_or_the_first() {
    let store = MemoryStore::new();
    let session = SessionId::new();
    store.put_pod(&coder(), &Pod::new(session, None)).unwrap();
    let (first, _) = open(store.clone(), &coder());
    assert_eq!((first.session_id(), first.entry_count()), (session, 1));
    let newest = SegmentWriter::create(store.clone(), session, &[]).unwrap();
    assert_eq!(open(store.clone(), &coder()).0.segment_id(), newest.segment_id());
    assert_eq!(sessions(&store), [session]);
}

#[test]
fn a_pod_without_a_pointer_gets_one() {
    let store = MemoryStore::new();
    store.put_pod(&coder(), &Pod::from_json("{\"color\":\"red\"}").unwrap()).unwrap();
    let (writer, _) = open(store.clone(), &coder());
    let pod = store.read_pod(&coder()).unwrap().unwrap();
    assert!(pod.as_json().starts_with("{\"color\":\"red\",\"active\":"));
    assert_eq!(pod.active().unwrap().segment_id, Some(writer.segment_id()));
}

#[test]
fn a_deleted_pods_name_is_free_again() {
    let store = MemoryStore::new();
    let (old, _) = open(store.clone(), &coder());
    store.delete_pod(&coder()).unwrap();
    let (new, _) = open(store.clone(), &coder());
    assert_ne!(new.session_id(), old.session_id());
    assert_eq!(sessions(&store).len(), 2);
}

#[test]
fn a_pointer_to_what_is_gone_is_an_error() {
    let store = MemoryStore::new();
    let gone = SegmentId::new();
    store.put_pod(&coder(), &Pod::new(SessionId::new(), Some(gone))).unwrap();
    let error = open_pod(&store, &coder(), opening).unwrap_err();
    assert!(matches!(error, AgentError::Store(StoreError::NotFound(id)) if id == gone), "{error}");
    assert_eq!(sessions(&store), []);
}

#[test]
fn a_store_without_pods_says_so() {
    let store = Flaky { lacks_pods: true, ..Flaky::default() };
    let error = open_pod(&store, &coder(), opening).unwrap_err();
    assert_eq!(error.to_string(), "cannot open pod coder: this store keeps no pods");
}

#[test]
fn what_is_no_claim_is_an_error_that_says_where() {
    let store = MemoryStore::new();
    open(store.clone(), &coder());
    store.delete_pod(&coder()).unwrap();
    let segment = store.list_segments(claims_session()).unwrap()[0];
    store.append(claims_session(), segment, &named(&["stray"])[0]).unwrap();
    let error = open_pod(&store, &coder(), opening).unwrap_err();
    let AgentError::Store(StoreError::Corrupt { line: 3, message }) = &error else {
        panic!("{error}")
    };
    assert!(message.contains(&segment.to_string()) && message.contains("pod coder"), "{message}");
}

#[test]
fn threads_that_open_a_new_pod_at_once_end_in_one_session() {
    for _ in 0..50 {
        let (store, barrier) = (MemoryStore::new(), Barrier::new(4));
        let places: BTreeSet<_> = std::thread::scope(|scope| {
            let open = || {
                barrier.wait();
                let (writer, _) = open(store.clone(), &coder());
                (writer.session_id(), writer.segment_id())
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(places.len(), 1, "{places:?}");
        assert_eq!(sessions(&store).len(), 1);
    }
}

/// A first use makes three conditional writes: claim, first segment, settlement. One that dies at any of
/// them, whether the write happened or not, is finished by the next one.
#[test]
fn a_first_use_that_dies_is_finished_by_the_next() {
    for (before, fault) in (0..3).flat_map(|n| [(n, Fault::LostBefore), (n, Fault::LostAfter)]) {
        let store = Flaky::default();
        let mut faults = vec![Fault::None; before];
        faults.push(fault);
        faults.extend([Fault::LostBefore; 3]);
        store.will(&faults);
        open_pod(&store, &coder(), opening).unwrap_err();
        store.will(&[]);

        let (writer, state) = open(&store, &coder());
        assert_eq!(state.entry_count, 1, "{before} {fault:?}");
        assert_eq!(sessions(&store), [writer.session_id()], "{before} {fault:?}");
        assert_eq!(open(&store, &coder()).0.segment_id(), writer.segment_id());
    }
}

/// Stops a first use right before its claim, and lets another one through from beginning to end.
#[test]
fn one_that_comes_late_joins() {
    let store = MemoryStore::new();
    let mut early = None;
    let opening_late = |session| {
        // By now the claim is made; the other one finds it, finishes the work, and moves on.
        let (writer, _) = open(store.clone(), &coder());
        let fork = SegmentWriter::create(store.clone(), session, &named(&["fork"])).unwrap();
        point_pod(&store, &coder(), session, fork.segment_id()).unwrap();
        early = Some((writer.session_id(), fork.segment_id()));
        opening(session)
    };
    let (late, _) = open_pod(store.clone(), &coder(), opening_late).unwrap();
    assert_eq!(Some((late.session_id(), late.segment_id())), early);
    assert_eq!(sessions(&store).len(), 1);
    assert_eq!(open(store.clone(), &coder()).0.segment_id(), late.segment_id());
}
