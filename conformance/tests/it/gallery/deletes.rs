//! Stores that delete too little, or what is not there.

use session_store_core::{SegmentId, SessionId, Store};

use super::broken;
use crate::twist::{Answer, Inner, Key};

broken! {
    /// The trace outlives its segment.
    deleting_leaves_the_trace in shared {
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            let traces = inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            let deleted = inner.delete_segment(s, g)?;
            traces.iter().try_for_each(|trace| inner.append_trace(s, g, trace))?;
            Ok(deleted)
        }
    }
    caught by { d1_a_trace_alone_counts x2_deleting_a_segment_deletes_its_trace }
}

broken! {
    /// Deleting is made to be repeated, and so always works.
    deletes_what_is_not_there in shared {
        fn delete_session(&self, inner: &Inner, s: SessionId) -> Answer<bool> {
            inner.delete_session(s).map(|_| true)
        }
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            inner.delete_segment(s, g).map(|_| true)
        }
    }
    caught by {
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_a_trace_alone_counts
        d1_deleting_nothing_is_false
    }
}

broken! {
    /// One segment is left over.
    deletes_most_of_a_session in shared {
        fn delete_session(&self, inner: &Inner, s: SessionId) -> Answer<bool> {
            let segments: Vec<SegmentId> = inner.list_segments(s)?;
            if segments.len() < 3 {
                return inner.delete_session(s);
            }
            segments[1..].iter().try_for_each(|&g| inner.delete_segment(s, g).map(drop))?;
            Ok(true)
        }
    }
    caught by { d1_a_deleted_session_is_gone }
}
