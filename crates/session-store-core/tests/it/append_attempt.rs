//! Tests of `AppendAttempt` over a store that loses the reply of its first conditional append.

use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use session_store_core::{
    AppendAttempt, Head, LogEntry, Resolution, SegmentId, SessionId, Store, StoreError, StoreExt,
    forward_store,
};
use session_store_memory::MemoryStore;

/// A store that loses the reply of the first `append_if`. Another writer appends at the same
/// moment.
#[derive(Default)]
struct LosesReply {
    store: MemoryStore,
    /// Whether the append is executed before its reply is lost.
    is_appended: bool,
    /// The entries that the other writer appends.
    theirs: Vec<LogEntry>,
    is_lost: AtomicBool,
}

#[deny(clippy::missing_trait_methods)]
impl Store for LosesReply {
    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        if self.is_lost.swap(true, Ordering::Relaxed) {
            return self.store.append_if(session_id, segment_id, expected, entries);
        }
        if self.is_appended {
            self.store.append_if(session_id, segment_id, expected, entries)?;
        }
        self.store.append_all(session_id, segment_id, &self.theirs)?;
        let source = "the connection was closed".into();
        Err(StoreError::Indeterminate { operation: "append".into(), source })
    }

    forward_store! { self => self.store;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate capabilities pods maintenance append_all read_page
        read_page_with read_page_matching head segment_info list_infos truncate_if read_trace_page
        delete_segment delete_session sync
    }
}

fn entries(name: &str, count: usize) -> Vec<LogEntry> {
    let text = |n| format!("{{\"{name}\":{n}}}");
    (0..count).map(|n| LogEntry::from_json(text(n)).unwrap()).collect()
}

#[rstest]
#[case::stored(true, 0, Ok(2))]
#[case::not_stored(false, 0, Ok(2))]
#[case::stored_before_entries_of_another_writer(true, 1, Ok(2))]
#[case::not_stored_and_another_writer_appended(false, 1, Err(()))]
fn a_lost_reply_is_resolved(
    #[case] is_appended: bool,
    #[case] theirs: usize,
    #[case] expected: Result<usize, ()>,
) {
    let store = LosesReply { is_appended, theirs: entries("theirs", theirs), ..Default::default() };
    let segment = store.segment(SessionId::new(), SegmentId::new());
    let ours = entries("ours", 2);
    let Resolution { appended, result, .. } = AppendAttempt::new(segment, None, 0, &ours).append();
    assert_eq!(result.is_err_and(|error| error.is_conflict()), expected.is_err());
    assert_eq!(appended, expected.unwrap_or(0));
    let stored = segment.read_all().unwrap();
    let count = stored.iter().filter(|entry| ours.contains(entry)).count();
    assert_eq!(count, appended, "no entry is stored twice: {stored:?}");
}

/// An attempt without entries has nothing to find in the log. So if the log has entries, another
/// writer has appended them.
#[rstest]
#[case::created_by_the_attempt(true, 0, false)]
#[case::created_by_another_writer(false, 1, true)]
fn a_lost_creation_of_an_empty_segment_is_resolved(
    #[case] is_appended: bool,
    #[case] theirs: usize,
    #[case] is_conflict: bool,
) {
    let store = LosesReply { is_appended, theirs: entries("theirs", theirs), ..Default::default() };
    let segment = store.segment(SessionId::new(), SegmentId::new());
    let Resolution { result, .. } = AppendAttempt::new(segment, None, 0, &[]).append();
    assert_eq!(result.is_err_and(|error| error.is_conflict()), is_conflict);
}
