//! Stores that lose, double or change what they were given.

use session_store_core::{LogEntry, Page, Store, StoreError};

use super::broken;
use crate::twist::{Answer, Inner, Key};

fn entry(text: String) -> LogEntry {
    LogEntry::from_json(text).expect("what is made of an entry is an entry")
}

broken! {
    /// A number goes through a float and back.
    rewrites_numbers in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, &entry(given.as_json().replace("1.0", "1")))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// The text is trimmed of the spaces between its tokens.
    compacts_replaced_logs in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let compact: Vec<_> =
                entries.iter().map(|given| entry(given.as_json().replace("{ ", "{"))).collect();
            inner.create_segment(s, g, &compact)
        }
    }
    caught by { c2_it_replaces_the_whole_log e1_kept_by_create }
}

broken! {
    /// A page is read with another decoder than a log.
    pages_lose_escapes in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let Page { entries, head, .. } = inner.read_page(s, g, start, bytes)?;
            let unescaped = |given: &LogEntry| entry(given.as_json().replace(r"\/", "/"));
            Ok(Page::new(entries.iter().map(unescaped).collect(), head))
        }
    }
    caught by {
        c2_it_replaces_the_whole_log
        e1_kept_by_pages
        r6_the_traits_body_agrees
        t1_it_keeps_the_first
        t4_what_was_cut_stays_cut
        t6_siblings_stay
    }
}

broken! {
    /// A unique index over the text.
    merges_equal_entries in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let known = inner.read_all(s, g).unwrap_or_default();
            if known.last() == Some(given) { Ok(()) } else { inner.append(s, g, given) }
        }
    }
    caught by {
        a1_equal_entries_are_all_kept
        c5_a_writer_sees_that_it_is_not_alone
        e4_the_empty_object
        r6_the_traits_body_agrees
    }
}

broken! {
    /// What it does not know, it drops.
    drops_unknown_kinds in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let known = |entry: &LogEntry| !entry.as_json().contains("from_the_future");
            Ok(inner.read_all(s, g)?.into_iter().filter(known).collect())
        }
    }
    caught by { e5_unknown_kinds_are_data }
}

broken! {
    /// A limit of the engine that was found out too late.
    stores_what_is_too_large in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, given)?;
            let (size, limit) = (given.as_json().len() as u64, 1 << 20);
            if size > limit { Err(StoreError::TooLarge { size, limit }) } else { Ok(()) }
        }
    }
    caught by { e4_sixty_four_mebibytes }
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
            let (first, rest) = entries.split_at(entries.len().min(700));
            inner.append_all(s, g, rest)?;
            inner.append_all(s, g, first)
        }
    }
    caught by { l6_many_entries }
}
