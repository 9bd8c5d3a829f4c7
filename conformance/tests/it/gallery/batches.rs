//! Stores whose batches are not whole, not in order, or not nothing.

use session_store_core::{LogEntry, Store};

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// A batch is a loop of appends: the trait's own body.
    interleaves_batches in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let (first, rest) = entries.split_at(entries.len() / 2);
            first.iter().try_for_each(|entry| inner.append(s, g, entry))?;
            inner.let_others_in();
            rest.iter().try_for_each(|entry| inner.append(s, g, entry))
        }
    }
    caught by { a7_batches_show_whole a7_batches_stay_contiguous }
}

broken! {
    /// An empty batch opens the file, and opening makes it.
    empty_batches_create in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if entries.is_empty() && !inner.exists(s, g)? {
                return inner.create_segment(s, g, &[]);
            }
            inner.append_all(s, g, entries)
        }
    }
    caught by { a7_an_empty_batch_is_nothing }
}

broken! {
    /// A fixed buffer in the way of a batch.
    cuts_long_batches in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            inner.append_all(s, g, &entries[..entries.len().min(1_024)])
        }
    }
    caught by { l6_many_entries }
}

broken! {
    /// What no longer fits one request is sent in requests, the last one first.
    reorders_long_batches in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let (first, rest) = entries.split_at(entries.len().min(150));
            inner.append_all(s, g, rest)?;
            inner.append_all(s, g, first)
        }
    }
    caught by { a7_batches_are_in_order a7_batches_stay_contiguous l6_many_entries }
}
