//! The Redis store with a planted bug: after a lost reply, an append is simply sent again. The real
//! store prevents the server from executing both appends. Here the server may execute both, so the
//! entry can be stored twice.

use std::time::Duration;

use session_store::redis::{RedisOptions, RedisStore};
use session_store::{LogEntry, SegmentId, SessionId, Store, StoreError, forward_store};

/// A store that sends an append again.
pub(super) struct BlindResend {
    /// The store that makes the appends, without retries of its own.
    appends: RedisStore,
    /// The store for all other calls.
    other: RedisStore,
}

impl BlindResend {
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let options = || RedisOptions::new().create(true);
        let appends = options().response_timeout(Duration::from_millis(300));
        let appends = appends.retry_for(Duration::ZERO).open(url)?;
        Ok(Self { appends, other: options().open(url)? })
    }

    fn repeat<T>(call: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        (0..100)
            .map(|_| call())
            .find(|result| {
                result
                    .as_ref()
                    .err()
                    .is_none_or(|error| !error.is_indeterminate() && !error.is_transient())
            })
            .unwrap_or_else(call)
    }
}

impl Store for BlindResend {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
        Self::repeat(|| self.appends.append(s, g, entry))
    }

    fn append_all(&self, s: SessionId, g: SegmentId, all: &[LogEntry]) -> Result<(), StoreError> {
        Self::repeat(|| self.appends.append_all(s, g, all))
    }

    forward_store! { self => self.other;
        read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate capabilities pods maintenance read_page head
        segment_info list_infos append_if truncate_if read_trace_page delete_segment
        delete_session sync
    }
}
