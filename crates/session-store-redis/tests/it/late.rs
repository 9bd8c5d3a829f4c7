//! Replies that are lost, and copies of commands that arrive late: each change is done once (A6, H5).

use rstest::rstest;
use session_store_core::{
    Head, LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, TraceEntry,
};
use session_store_redis::RedisStore;
use test_servers::{LossyProxy, RedisServer};

/// A server, the network before it, a store that uses the network, and one that does not.
struct Setting {
    _server: RedisServer,
    proxy: LossyProxy,
    far: RedisStore,
    near: RedisStore,
    session: SessionId,
    segment: SegmentId,
}

/// All that there is to see.
type State = (Vec<LogEntry>, Option<Head>, Vec<TraceEntry>, Vec<PodName>, Vec<SegmentId>);

impl Setting {
    /// With a segment of three entries, a trace and a pod.
    fn new() -> Self {
        let server = RedisServer::start_in_memory(&[]);
        let proxy = LossyProxy::start(&server);
        let near = RedisStore::open_or_create(&server.url()).unwrap();
        let far = RedisStore::open(&proxy.url()).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        far.create_segment(session, segment, &entries(3)).unwrap();
        far.append(session, segment, &entries(1)[0]).unwrap();
        far.truncate(session, segment, 3).unwrap();
        far.append_trace(session, segment, &trace()).unwrap();
        far.put_pod(&name("old"), &Pod::new(session, None)).unwrap();
        Self { _server: server, proxy, far, near, session, segment }
    }

    fn head(&self) -> Option<Head> {
        self.near.head(self.session, self.segment).unwrap()
    }

    fn state(&self) -> State {
        let Self { near, session, segment, .. } = self;
        (
            near.read_all(*session, *segment).unwrap_or_default(),
            self.head(),
            near.read_trace_page(*session, *segment, 0, usize::MAX).unwrap().entries,
            near.list_pods().unwrap(),
            near.list_segments(*session).unwrap(),
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
    DeletePod,
}

impl Change {
    /// Makes the change across the network, and expects to be told that it was made.
    fn make(self, at: &Setting) {
        let Setting { far, session, segment, .. } = at;
        let (session, segment) = (*session, *segment);
        match self {
            Self::Append => far.append(session, segment, &entries(1)[0]).unwrap(),
            Self::FirstAppend => far.append(session, SegmentId::new(), &entries(1)[0]).unwrap(),
            Self::AppendAll => far.append_all(session, segment, &entries(5)).unwrap(),
            Self::AppendStaged => far.append_all(session, segment, &entries(6000)).unwrap(),
            Self::AppendIf => {
                let head = far.append_if(session, segment, at.head(), &entries(2)).unwrap();
                assert_eq!(Some(head), at.head());
            }
            Self::Create => far.create_segment(session, segment, &entries(1)).unwrap(),
            Self::Truncate => far.truncate(session, segment, 1).unwrap(),
            Self::AppendTrace => far.append_trace(session, segment, &trace()).unwrap(),
            Self::DeleteSegment => assert!(far.delete_segment(session, segment).unwrap()),
            Self::DeleteSession => assert!(far.delete_session(session).unwrap()),
            Self::PutPod => far.put_pod(&name("new"), &Pod::new(session, None)).unwrap(),
            Self::DeletePod => assert!(far.delete_pod(&name("old")).unwrap()),
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
        Change::DeletePod
    )]
    change: Change,
) {
    let at = Setting::new();
    let before = at.state();
    let expected = {
        let other = Setting::new();
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
    assert_eq!(at.state(), after, "copies that arrive late change nothing");
}

#[test]
fn a_late_copy_does_not_undo_what_others_did_since() {
    let at = Setting::new();
    at.proxy.lose_next_reply();
    at.far.put_pod(&name("old"), &Pod::new(SessionId::new(), None)).unwrap();
    let newer = Pod::new(at.session, Some(at.segment));
    at.near.put_pod(&name("old"), &newer).unwrap();
    at.proxy.resend_requests();
    assert_eq!(at.near.read_pod(&name("old")).unwrap(), Some(newer));

    at.proxy.lose_next_reply();
    at.far.append(at.session, at.segment, &entries(1)[0]).unwrap();
    at.near.delete_session(at.session).unwrap();
    at.proxy.resend_requests();
    assert!(at.near.list_sessions().unwrap().is_empty());
}

#[test]
fn what_was_refused_is_not_done_later() {
    let at = Setting::new();
    let segment = SegmentId::new();
    at.proxy.lose_next_reply();
    let error = at.far.truncate(at.session, segment, 0).unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    at.near.create_segment(at.session, segment, &entries(2)).unwrap();
    at.proxy.resend_requests();
    assert_eq!(at.near.read_entry_count(at.session, segment).unwrap(), 2);

    at.proxy.lose_next_reply();
    assert!(!at.far.delete_pod(&name("new")).unwrap());
    at.near.put_pod(&name("new"), &Pod::new(at.session, None)).unwrap();
    at.proxy.resend_requests();
    assert!(at.near.read_pod(&name("new")).unwrap().is_some());
}
