//! The columns that name a log or a trace, and the head in its row.

use std::fmt;

use session_store_core::{Head, SegmentKey};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::statement::{Parameter, boolean, uuid};

/// The log or the trace of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogName {
    pub(crate) session: Uuid,
    pub(crate) segment: Uuid,
    pub(crate) is_trace: bool,
}

impl LogName {
    pub(crate) fn key(self) -> SegmentKey {
        SegmentKey::new(self.session.into(), self.segment.into())
    }

    pub(crate) fn log(key: SegmentKey) -> Self {
        Self { session: key.session_id.into(), segment: key.segment_id.into(), is_trace: false }
    }

    /// Returns the log or the trace that the first three columns name.
    pub(crate) fn of(row: &Row) -> Self {
        Self { session: row.get(0), segment: row.get(1), is_trace: row.get(2) }
    }

    /// The parameters of a statement that name the log or the trace.
    pub(crate) fn parameters(&self) -> [Parameter<'_>; 3] {
        [uuid(&self.session), uuid(&self.segment), boolean(&self.is_trace)]
    }

    pub(crate) fn trace(key: SegmentKey) -> Self {
        Self { is_trace: true, ..Self::log(key) }
    }

    /// Returns the key of the lock that every creation of a segment with this id takes, in any
    /// session.
    ///
    /// A lookup returns the session whose row has the smallest number. Two sessions can create the
    /// same segment id at the same moment. With the lock, the two rows become visible in the order
    /// of their numbers. Without the lock, the row with the smaller number could become visible
    /// later. A lookup would then change its result ([L5](session_store_core::contract#l5)).
    pub(crate) fn creation_lock(self) -> i64 {
        let (high, low) = self.segment.as_u64_pair();
        (high ^ low).cast_signed()
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, segment, is_trace } = self;
        let kind = if *is_trace { "trace" } else { "log" };
        write!(f, "{kind} of segment {segment} of session {session}")
    }
}

/// Returns the head of a log that has these values in its row.
///
/// Each change sets a new random stamp. So after the server has lost changes, the next change gives
/// the log a head that it never had before ([H1](session_store_core::contract#h1)).
pub(crate) fn head(entries: i64, stamp: Uuid) -> Head {
    Head::new(usize::try_from(entries).unwrap_or_default(), stamp.as_u128())
}

/// Returns the stamp in a head that [`head`] made.
pub(crate) fn stamp(head: Head) -> Uuid {
    let text = head.to_string();
    let digits = text.split_once('@').map_or("", |(_, digits)| digits);
    Uuid::try_parse(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_contains_the_stamp() {
        let own = Uuid::new_v4();
        assert_eq!(stamp(head(7, own)), own);
        assert_eq!(head(7, own).entries(), 7);
        assert_eq!(stamp(Head::new(1, 0)), Uuid::nil());
    }
}
