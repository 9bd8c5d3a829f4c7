//! Stores that refuse a large entry only after they have changed something.

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry,
};

use super::broken;
use crate::variant::Result;

const LIMIT: u64 = 1 << 20;

/// Fails if one of the entries is over the limit.
fn check(entries: &[LogEntry]) -> Result<()> {
    let sizes = entries.iter().map(|entry| entry.as_json().len() as u64);
    match sizes.max() {
        Some(size) if size > LIMIT => Err(StoreError::TooLarge { size, limit: LIMIT }),
        _ => Ok(()),
    }
}

/// Defines the named methods so that they refuse large entries correctly. A store does not name its
/// broken method.
macro_rules! refusing {
    ($($method:ident)*) => { $(refusing! { @$method })* };
    (@append) => {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            check(std::slice::from_ref(entry))?;
            self.inner.append(s, g, entry)
        }
    };
    (@append_all) => {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            check(entries)?;
            self.inner.append_all(s, g, entries)
        }
    };
    (@create_segment) => {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            check(entries)?;
            self.inner.create_segment(s, g, entries)
        }
    };
    (@append_if) => {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            check(entries)?;
            self.inner.append_if(s, g, expected, entries)
        }
    };
}

broken! {
    /// append_all stores the entries before an entry that is too large.
    batches_keep_what_precedes in shared {
        refusing! { append create_segment append_if }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let is_large = |entry| check(std::slice::from_ref(entry)).is_err();
            let large = entries.iter().position(is_large);
            self.inner.append_all(s, g, &entries[..large.unwrap_or(entries.len())])?;
            check(entries)
        }
    }
    caught by { e4_a_batch_with_a_large_entry e4_readers_see_nothing_of_it }
}

broken! {
    /// append_all leaves out an entry that is too large, and stores the other entries.
    batches_leave_out_what_is_too_large in shared {
        refusing! { append create_segment append_if }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let fits = |entry: &&LogEntry| entry.as_json().len() as u64 <= LIMIT;
            let kept: Vec<_> = entries.iter().filter(fits).cloned().collect();
            self.inner.append_all(s, g, &kept)
        }
    }
    caught by { e4_a_batch_with_a_large_entry e4_readers_see_nothing_of_it }
}

broken! {
    /// append_all returns Partial with a number of entries, but has stored no entry.
    batches_report_a_prefix_that_is_gone in shared {
        refusing! { append create_segment append_if }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            check(entries)
                .map_err(|source| StoreError::Partial { appended: 1, source: Box::new(source) })?;
            self.inner.append_all(s, g, entries)
        }

        fn capabilities(&self) -> Capabilities {
            let has = |&capability: &Capability| capability != Capability::AtomicBatch;
            self.inner.declared().iter().filter(has).collect()
        }
    }
    caught by { e4_a_batch_with_a_large_entry }
}

broken! {
    /// create_segment empties the log before it notices that an entry is too large.
    replacing_empties_before_it_refuses in shared {
        refusing! { append append_all append_if }

        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            check(entries).or_else(|error| {
                self.inner.create_segment(s, g, &[])?;
                Err(error)
            })?;
            self.inner.create_segment(s, g, entries)
        }
    }
    caught by { e4_a_large_entry_replaces_nothing }
}

broken! {
    /// append_trace stores an entry and then returns TooLarge.
    traces_are_refused_too_late in shared {
        refusing! { append append_all append_if create_segment }

        fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            self.inner.append_trace(s, g, entry)?;
            let size = entry.as_json().len() as u64;
            if size > LIMIT { Err(StoreError::TooLarge { size, limit: LIMIT }) } else { Ok(()) }
        }
    }
    caught by { e4_a_large_entry_replaces_nothing }
}

broken! {
    /// append_if stores the first entry before it notices that another entry is too large.
    conditions_create_before_they_refuse in shared {
        refusing! { append append_all create_segment }

        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            check(entries).or_else(|error| {
                self.inner.append_if(s, g, expected, &entries[..1])?;
                Err(error)
            })?;
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by { e4_a_condition_with_a_large_entry }
}

broken! {
    /// append_all shows the first entry to readers until it notices that another is too large.
    batches_show_before_they_refuse in shared {
        refusing! { append create_segment append_if }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            check(entries).or_else(|error| {
                let before = self.inner.read_all(s, g).unwrap_or_default();
                self.inner.append(s, g, &entries[0])?;
                self.inner.wait_for_another_call();
                match before.is_empty() {
                    true => self.inner.delete_segment(s, g).map(drop)?,
                    false => self.inner.create_segment(s, g, &before)?,
                }
                Err(error)
            })?;
            self.inner.append_all(s, g, entries)
        }
    }
    caught by { e4_readers_see_nothing_of_it }
}
