//! Tests of lost replies and of copies of a command that arrive late. Each change must be made
//! once.

use rstest::rstest;
use session_store_core::{
    Head, LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError, TraceEntry,
};
use session_store_redis::RedisStore;
use test_servers::{LossyProxy, RedisServer};

/// A server, a proxy that can lose replies, a store behind the proxy, and a store with a direct
/// connection.
struct Setup {
    _server: RedisServer,
    proxy: LossyProxy,
    behind_proxy: RedisStore,
    direct: RedisStore,
    session: SessionId,
    segment: SegmentId,
}

/// Everything that a reader sees.
type State = (Vec<LogEntry>, Option<Head>, Vec<TraceEntry>, Vec<PodName>, Vec<SegmentId>);

impl Setup {
    /// Creates a segment of three entries, a trace and a pod.
    fn new() -> Self {
        let server = RedisServer::start_in_memory(&[]);
        let proxy = LossyProxy::start(server.port());
        let direct = RedisStore::open_or_create(&server.url()).unwrap();
        let behind_proxy =
            RedisStore::open(&format!("redis://127.0.0.1:{}", proxy.port())).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        behind_proxy.create_segment(session, segment, &entries(3)).unwrap();
        behind_proxy.append(session, segment, &entries(1)[0]).unwrap();
        behind_proxy.truncate(session, segment, 3).unwrap();
        behind_proxy.append_trace(session, segment, &trace()).unwrap();
        behind_proxy.put_pod(&name("old"), &Pod::new(session, None)).unwrap();
        Self { _server: server, proxy, behind_proxy, direct, session, segment }
    }

    fn head(&self) -> Option<Head> {
        self.direct.head(self.session, self.segment).unwrap()
    }

    fn state(&self) -> State {
        let Self { direct, session, segment, .. } = self;
        (
            direct.read_all(*session, *segment).unwrap_or_default(),
            self.head(),
            direct.read_trace_page(*session, *segment, 0, usize::MAX).unwrap().entries,
            direct.list_pods().unwrap(),
            direct.list_segments(*session).unwrap(),
        )
    }
}

fn entries(count: usize) -> Vec<LogEntry> {
    (0..count).map(|n| LogEntry::from_json(format!(r#"{{"n":{n}}}"#)).unwrap()).collect()
}

fn trace() -> TraceEntry {
    TraceEntry::from_json("{}").unwrap()
}

fn name(name: &str) -> PodName {
    name.parse().unwrap()
}

#[derive(Clone, Copy)]
enum Change {
    Append,
    FirstAppend,
    AppendAll,
    AppendStaged,
    AppendIf,
    Create,
    Truncate,
    AppendTrace,
    DeleteSegment,
    DeleteSession,
    PutPod,
    PutPodIf,
    DeletePod,
}

impl Change {
    /// Makes the change through the proxy. The call must succeed.
    fn make(self, at: &Setup) {
        let Setup { behind_proxy, session, segment, .. } = at;
        let (session, segment) = (*session, *segment);
        match self {
            Self::Append => behind_proxy.append(session, segment, &entries(1)[0]).unwrap(),
            Self::FirstAppend => {
                behind_proxy.append(session, SegmentId::new(), &entries(1)[0]).unwrap();
            }
            Self::AppendAll => behind_proxy.append_all(session, segment, &entries(5)).unwrap(),
            Self::AppendStaged => {
                behind_proxy.append_all(session, segment, &entries(6000)).unwrap();
            }
            Self::AppendIf => {
                let head =
                    behind_proxy.append_if(session, segment, at.head(), &entries(2)).unwrap();
                assert_eq!(Some(head), at.head());
            }
            Self::Create => behind_proxy.create_segment(session, segment, &entries(1)).unwrap(),
            Self::Truncate => behind_proxy.truncate(session, segment, 1).unwrap(),
            Self::AppendTrace => behind_proxy.append_trace(session, segment, &trace()).unwrap(),
            Self::DeleteSegment => assert!(behind_proxy.delete_segment(session, segment).unwrap()),
            Self::DeleteSession => assert!(behind_proxy.delete_session(session).unwrap()),
            Self::PutPod => behind_proxy.put_pod(&name("new"), &Pod::new(session, None)).unwrap(),
            Self::PutPodIf => {
                behind_proxy.put_pod_if(&name("new"), None, &Pod::new(session, None)).unwrap();
            }
            Self::DeletePod => assert!(behind_proxy.delete_pod(&name("old")).unwrap()),
        }
    }
}

#[rstest]
fn a_change_whose_reply_is_lost_is_done_once(
    #[values(
        Change::Append,
        Change::FirstAppend,
        Change::AppendAll,
        Change::AppendStaged,
        Change::AppendIf,
        Change::Create,
        Change::Truncate,
        Change::AppendTrace,
        Change::DeleteSegment,
        Change::DeleteSession,
        Change::PutPod,
        Change::PutPodIf,
        Change::DeletePod
    )]
    change: Change,
) {
    let at = Setup::new();
    let before = at.state();
    let expected = {
        let other = Setup::new();
        change.make(&other);
        other.state()
    };
    at.proxy.lose_next_reply();
    change.make(&at);
    assert!(at.proxy.has_lost_reply());
    let after = at.state();
    assert_ne!(after, before);
    assert_eq!((&after.0, &after.2, &after.3), (&expected.0, &expected.2, &expected.3));
    assert_eq!(after.4.len(), expected.4.len());
    at.proxy.resend_requests();
    assert_eq!(at.state(), after, "a late copy has changed the store");
}

#[test]
fn a_late_copy_does_not_undo_later_changes() {
    let at = Setup::new();
    at.proxy.lose_next_reply();
    at.behind_proxy.put_pod(&name("old"), &Pod::new(SessionId::new(), None)).unwrap();
    let newer = Pod::new(at.session, Some(at.segment));
    at.direct.put_pod(&name("old"), &newer).unwrap();
    at.proxy.resend_requests();
    assert_eq!(at.direct.read_pod(&name("old")).unwrap(), Some(newer));

    at.proxy.lose_next_reply();
    at.behind_proxy.append(at.session, at.segment, &entries(1)[0]).unwrap();
    at.direct.delete_session(at.session).unwrap();
    at.proxy.resend_requests();
    assert!(at.direct.list_sessions().unwrap().is_empty());
}

#[test]
fn a_refused_change_is_not_done_by_a_late_copy() {
    let at = Setup::new();
    let segment = SegmentId::new();
    at.proxy.lose_next_reply();
    let error = at.behind_proxy.truncate(at.session, segment, 0).unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    at.direct.create_segment(at.session, segment, &entries(2)).unwrap();
    at.proxy.resend_requests();
    assert_eq!(at.direct.read_entry_count(at.session, segment).unwrap(), 2);

    at.proxy.lose_next_reply();
    assert!(!at.behind_proxy.delete_pod(&name("new")).unwrap());
    at.direct.put_pod(&name("new"), &Pod::new(at.session, None)).unwrap();
    at.proxy.resend_requests();
    assert!(at.direct.read_pod(&name("new")).unwrap().is_some());

    // The call expects that the pod does not exist. After the refusal, the pod is deleted.
    at.proxy.lose_next_reply();
    let pod = Pod::new(at.session, Some(at.segment));
    let error = at.behind_proxy.put_pod_if(&name("new"), None, &pod).unwrap_err();
    assert!(matches!(error, StoreError::PodConflict { .. }), "{error:?}");
    assert!(at.direct.delete_pod(&name("new")).unwrap());
    at.proxy.resend_requests();
    assert_eq!(at.direct.read_pod(&name("new")).unwrap(), None);
}
