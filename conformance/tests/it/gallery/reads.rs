//! Stores that read something else than is there.

use std::sync::Mutex;

use session_store_core::{LogEntry, Page, Store, StoreError};

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// An unknown segment reads as an empty one.
    reads_the_unknown_as_empty in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            match inner.read_all(s, g) {
                Err(StoreError::NotFound(_)) => Ok(Vec::new()),
                read => read,
            }
        }
    }
    caught by {
        a4_one_history_of_appends
        r1_unknown_is_not_found
        t5_one_history_of_cuts
        t5_one_history_of_deletes
        t7_the_traits_body_is_right
    }
}

broken! {
    /// Each handle keeps the last log that it read.
    reads_from_a_cache in for_each_handle {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let mut last = self.last.lock().unwrap();
            let now = inner.read_all(s, g)?;
            let entries = match last.take() {
                // The length is all that it compares.
                Some((key, entries)) if key == (s, g) && entries.len() == now.len() => entries,
                _ => now,
            };
            *last = Some(((s, g), entries.clone()));
            Ok(entries)
        }
    }
    state { last: Mutex<Option<(Key, Vec<LogEntry>)>> }
    caught by {
        t5_an_append_after_it_is_there
        t5_one_history_of_cuts
        t5_one_history_of_deletes
    }
}

broken! {
    /// What a replace lets through: the first half of the log is of one moment, the rest of another.
    reads_in_two_steps in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let mut entries = inner.read_all(s, g)?;
            // Only where a check replaces a log under its readers, so that chance has no say elsewhere.
            if !entries.first().is_some_and(|first| [r#"{"n":0}"#, r#"{"new":0,"p":""}"#].contains(&first.as_json())) {
                return Ok(entries);
            }
            entries.truncate(2);
            inner.let_others_in();
            // What was only appended meanwhile does no harm.
            let rest = entries.len();
            entries.extend(inner.read_all(s, g)?.into_iter().skip(rest));
            Ok(entries)
        }
    }
    caught by { c2_readers_see_the_old_or_the_new }
}

broken! {
    /// Rows come back as the index has them, once there are enough for it to be used.
    sorts_long_logs_as_text in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let mut entries = inner.read_all(s, g)?;
            // Only where one writer counts, so that chance has no say where several write.
            let numbered = |entry: &LogEntry| entry.as_json().starts_with("{\"n\":");
            if (200..=300).contains(&entries.len()) && entries.iter().all(numbered) {
                entries.sort_by(|a, b| a.as_json().cmp(b.as_json()));
            }
            Ok(entries)
        }
    }
    caught by { a1_order_of_one_writer a7_batches_are_in_order }
}

broken! {
    /// An entry that fits no page is passed over.
    pages_end_at_a_large_entry in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let mut page = inner.read_page(s, g, start, bytes)?;
            page.entries.retain(|entry| entry.as_json().len() <= bytes || bytes >= 200);
            Ok(page)
        }
    }
    caught by {
        e1_kept_by_pages
        l6_many_entries
        r6_pages_hold_what_fits
        r6_pages_in_sequence_are_the_log
        r6_the_traits_body_agrees
    }
}

broken! {
    /// The limit is looked at after the entry that crosses it.
    pages_run_over in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let Page { entries, head, .. } = inner.read_page(s, g, start, usize::MAX)?;
            let mut read = 0;
            let before_the_limit = |entry: &LogEntry| {
                let within = read <= bytes;
                read += entry.as_json().len();
                within
            };
            Ok(Page::new(entries.into_iter().take_while(before_the_limit).collect(), head))
        }
    }
    caught by { r6_pages_hold_what_fits r6_the_traits_body_agrees }
}

broken! {
    /// Page and head are two queries, with a moment between them.
    pages_have_a_later_head in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let page = inner.read_page(s, g, start, bytes)?;
            // Only of pages without a limit, so that chance has no say where a log is read by pages.
            if bytes < usize::MAX {
                return Ok(page);
            }
            inner.let_others_in();
            let head = inner.head(s, g)?.unwrap_or(page.head);
            Ok(Page::new(page.entries, head))
        }
    }
    caught by { r6_the_head_is_of_the_same_moment }
}
