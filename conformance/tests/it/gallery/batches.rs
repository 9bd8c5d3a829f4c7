//! Broken stores whose batches are not atomic or not in order, or create a segment without entries.
//! `broken!` defines a store and its test: each check under `caught by` must fail.

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use super::broken;
use crate::variant::Result;

broken! {
    /// Appends the entries of a batch one by one, so other writers can append between them.
    interleaves_batches in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let (first, rest) = entries.split_at(entries.len() / 2);
            first.iter().try_for_each(|entry| self.inner.append(s, g, entry))?;
            self.inner.wait_for_another_call();
            rest.iter().try_for_each(|entry| self.inner.append(s, g, entry))
        }
    }
    caught by { a7_batches_show_whole a7_batches_stay_contiguous }
}

broken! {
    /// Creates the segment for an empty batch.
    empty_batches_create in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if entries.is_empty() && !self.inner.exists(s, g)? {
                return self.inner.create_segment(s, g, &[]);
            }
            self.inner.append_all(s, g, entries)
        }
    }
    caught by { a7_an_empty_batch_is_nothing }
}

broken! {
    /// Stores only the first 1,024 entries of a batch, like a fixed buffer.
    cuts_long_batches in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.inner.append_all(s, g, &entries[..entries.len().min(1_024)])
        }
    }
    caught by { e4_logs_around_powers_of_two l6_many_entries }
}

broken! {
    /// Sends a long batch in two requests, and sends the end of the batch first.
    reorders_long_batches in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let (first, rest) = entries.split_at(entries.len().min(150));
            self.inner.append_all(s, g, rest)?;
            self.inner.append_all(s, g, first)
        }
    }
    caught by {
        a7_batches_are_in_order
        a7_batches_stay_contiguous
        h6_past_the_end_changes_nothing
        l6_many_entries
        t2_the_current_length_counts
    }
}

broken! {
    /// Stores a first batch in two steps: creates an empty segment, and then appends the batch.
    batches_create_first in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if !entries.is_empty() && self.inner.append_if(s, g, None, &[]).is_ok() {
                // A round of the reader makes up to six calls. After twelve calls, the reader has
                // ended its round on the previous segment and has made a whole round on this
                // segment.
                self.inner.wait_for_other_calls(12);
            }
            self.inner.append_all(s, g, entries)
        }
    }
    caught by { a2_a_segment_appears_with_its_first_entry }
}

broken! {
    /// Takes a small batch for lost if another writer appends after it, and sends the batch again.
    small_batches_are_sent_again in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.inner.append_all(s, g, entries)?;
            if entries.len() == 2 {
                self.inner.wait_for_another_call();
                if !self.inner.read_all(s, g)?.ends_with(entries) {
                    self.inner.append_all(s, g, entries)?;
                }
            }
            Ok(())
        }
    }
    caught by { a6_batches_are_never_stored_twice }
}
