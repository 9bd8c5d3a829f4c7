//! Planted bugs. A suite that does not find them cannot judge a store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use session_store::{
    Head, LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreError, forward_store,
};

/// Returns the store with the bug that the environment names, or the store itself.
pub(crate) fn plant(store: Arc<dyn Store>) -> Arc<dyn Store> {
    match std::env::var("SESSION_STORE_PLANTED_BUG").as_deref() {
        Err(_) => store,
        Ok("stale_head") => Arc::new(StaleHead(store)),
        Ok("short_batch") => Arc::new(ShortBatch(store)),
        Ok("old_reads") => Arc::new(OldReads { store, first_reads: Mutex::default() }),
        Ok(name) => panic!("there is no planted bug named {name}"),
    }
}

/// A store whose `append_if` ignores the expected head.
struct StaleHead(Arc<dyn Store>);

impl Store for StaleHead {
    forward_store! { self => *self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace capabilities append_all head
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        _expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        loop {
            let head = self.0.head(session_id, segment_id)?;
            match self.0.append_if(session_id, segment_id, head, entries) {
                Err(StoreError::Conflict { .. }) => {}
                result => return result,
            }
        }
    }
}

/// A store whose `append_if` leaves out the last of several entries.
struct ShortBatch(Arc<dyn Store>);

impl Store for ShortBatch {
    forward_store! { self => *self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace capabilities append_all head
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let stored = if entries.len() > 1 { &entries[..entries.len() - 1] } else { entries };
        self.0.append_if(session_id, segment_id, expected, stored)
    }
}

/// A store whose handles return the entries of their first read again.
struct OldReads {
    store: Arc<dyn Store>,
    first_reads: Mutex<HashMap<SegmentKey, Vec<LogEntry>>>,
}

impl Store for OldReads {
    forward_store! { self => *self.store;
        append list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace capabilities append_all head append_if
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        let mut first_reads = self.first_reads.lock().expect("no test panics while it reads");
        if let Some(entries) = first_reads.get(&key) {
            return Ok(entries.clone());
        }
        let entries = self.store.read_all(session_id, segment_id)?;
        first_reads.insert(key, entries.clone());
        Ok(entries)
    }
}
