//! The common part of the planted file store and the planted database: stores of logs only.

use session_store::{
    Head, LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreError, TraceEntry,
};

/// A change of one log.
pub(super) enum Edit<'a> {
    /// Appends if the log has the expected number of entries.
    Append(Option<Option<usize>>, &'a [LogEntry]),
    Truncate(usize),
    Replace(&'a [LogEntry]),
    Delete,
}

/// Logs in some storage.
pub(super) trait Logs: Send + Sync {
    fn load(&self, key: SegmentKey) -> Result<Option<Vec<LogEntry>>, StoreError>;
    /// Makes a change. Returns the number of entries before the change.
    fn change(&self, key: SegmentKey, edit: &Edit<'_>) -> Result<Option<usize>, StoreError>;
    fn keys(&self) -> Result<Vec<SegmentKey>, StoreError>;
}

/// Returns an error if the log does not have the number of entries that the change expects.
pub(super) fn check(
    key: SegmentKey,
    count: Option<usize>,
    edit: &Edit<'_>,
) -> Result<(), StoreError> {
    let head = |count| Head::new(count, 0);
    match (edit, count) {
        (Edit::Append(Some(expected), _), _) if *expected != count => {
            let (expected, actual) = (expected.map(head), count.map(head));
            Err(StoreError::Conflict { expected, actual })
        }
        (Edit::Truncate(_), None) => Err(StoreError::NotFound(key.segment_id)),
        (&Edit::Truncate(len), Some(count)) if len > count => {
            Err(StoreError::past_the_end(key.segment_id, len, count))
        }
        _ => Ok(()),
    }
}

/// A store of logs only.
pub(super) struct LogStore<L>(pub(super) L);

impl<L: Logs> LogStore<L> {
    fn edit(&self, s: SessionId, g: SegmentId, edit: &Edit<'_>) -> Result<(), StoreError> {
        self.0.change(SegmentKey::new(s, g), edit).map(drop)
    }
}

impl<L: Logs> Store for LogStore<L> {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
        self.append_all(s, g, std::slice::from_ref(entry))
    }

    fn append_all(&self, s: SessionId, g: SegmentId, all: &[LogEntry]) -> Result<(), StoreError> {
        self.edit(s, g, &Edit::Append(None, all))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        all: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let expected = expected.map(|head| head.entries());
        self.edit(s, g, &Edit::Append(Some(expected), all))?;
        Ok(Head::new(expected.unwrap_or(0) + all.len(), 0))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        self.0.load(SegmentKey::new(s, g))?.ok_or(StoreError::NotFound(g))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize, StoreError> {
        Ok(self.read_all(s, g)?.len())
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool, StoreError> {
        Ok(self.0.load(SegmentKey::new(s, g))?.is_some())
    }

    fn create_segment(
        &self,
        s: SessionId,
        g: SegmentId,
        all: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.edit(s, g, &Edit::Replace(all))
    }

    fn truncate(&self, s: SessionId, g: SegmentId, len: usize) -> Result<(), StoreError> {
        self.edit(s, g, &Edit::Truncate(len))
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool, StoreError> {
        Ok(self.0.change(SegmentKey::new(s, g), &Edit::Delete)?.is_some())
    }

    fn sync(&self) -> Result<(), StoreError> {
        // Nothing is left to sync, because every change syncs its own data. (A planted bug can
        // leave out the sync of a change.)
        Ok(())
    }

    fn append_trace(&self, _: SessionId, _: SegmentId, _: &TraceEntry) -> Result<(), StoreError> {
        Err(std::io::Error::from(std::io::ErrorKind::Unsupported).into())
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut ids: Vec<_> = self.0.keys()?.iter().map(|key| key.session_id).collect();
        ids.sort_by(|a, b| b.cmp(a));
        ids.dedup();
        Ok(ids)
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let keys = self.0.keys()?.into_iter().filter(|key| key.session_id == s);
        let mut ids: Vec<_> = keys.map(|key| key.segment_id).collect();
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let key = self.0.keys()?.into_iter().find(|key| key.segment_id == g);
        Ok(key.map(|key| key.session_id))
    }
}
