//! Broken stores that return the wrong entries from reads and pages. `broken!` defines a store and
//! its test: each check under `caught by` must fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{
    Head, LogEntry, Page, PageRequest, SegmentId, SegmentKey, SessionId, Store, StoreError,
};

use super::broken;
use crate::variant::Result;

broken! {
    /// read_all of an unknown segment returns an empty list.
    reads_the_unknown_as_empty in shared {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            match self.inner.read_all(s, g) {
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
    /// A handle returns its cached log if the stored log has the same length.
    reads_from_a_cache in for_each_handle {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            let mut last = self.last.lock().unwrap();
            let now = self.inner.read_all(s, g)?;
            let entries = match last.take() {
                // The flaw: a cached log counts as current if it has the length of the stored log.
                Some((key, entries))
                    if key == SegmentKey::new(s, g) && entries.len() == now.len() =>
                {
                    entries
                }
                _ => now,
            };
            *last = Some((SegmentKey::new(s, g), entries.clone()));
            Ok(entries)
        }
    }
    state { last: Mutex<Option<(SegmentKey, Vec<LogEntry>)>> }
    caught by {
        l7_the_size_is_of_the_entries
        t5_an_append_after_it_is_there
        t5_one_history_of_cuts
        t5_one_history_of_deletes
    }
}

broken! {
    /// Reads a log in two halves, so a replace can happen in between.
    reads_in_two_steps in shared {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            let mut entries = self.inner.read_all(s, g)?;
            // Pause only in the check that replaces a log while a reader reads. In other checks the
            // result would depend on the schedule.
            if !entries.first().is_some_and(|first| {
                [r#"{"n":0}"#, r#"{"new":0,"p":""}"#].contains(&first.as_json())
            }) {
                return Ok(entries);
            }
            entries.truncate(2);
            self.inner.wait_for_another_call();
            // Read the rest now. After a replace, the rest belongs to the new log. After appends,
            // the result is a correct read.
            let rest = entries.len();
            entries.extend(self.inner.read_all(s, g)?.into_iter().skip(rest));
            Ok(entries)
        }
    }
    caught by { c2_readers_see_the_old_or_the_new }
}

broken! {
    /// Sorts the entries of a long log by their text, like a query that uses another index.
    sorts_long_logs_as_text in shared {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            let mut entries = self.inner.read_all(s, g)?;
            // Sort only logs of one writer. With several writers the order of their entries, and so
            // the result, would depend on the schedule.
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
    /// Skips an entry that is larger than the limit of the page.
    pages_end_at_a_large_entry in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let mut page = self.inner.read_page(s, g, start, bytes)?;
            page.entries.retain(|entry| entry.as_json().len() <= bytes || bytes >= 200);
            Ok(page)
        }
    }
    caught by {
        e1_kept_by_pages
        e4_sizes_around_powers_of_two
        l6_many_entries
        r6_a_page_can_be_exactly_full
        r6_pages_hold_what_fits
        r6_pages_in_sequence_are_the_log
        r6_sizes_are_bytes
        r6_the_traits_body_agrees
    }
}

broken! {
    /// Ends a page only after an entry that exceeds the limit.
    pages_run_over in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let Page { entries, head, .. } = self.inner.read_page(s, g, start, usize::MAX)?;
            let mut read = 0;
            let before_the_limit = |entry: &LogEntry| {
                let within = read <= bytes;
                read += entry.as_json().len();
                within
            };
            Ok(Page::new(entries.into_iter().take_while(before_the_limit).collect(), head))
        }
    }
    caught by {
        r6_a_page_can_be_exactly_full
        r6_pages_continue_in_a_changed_log
        r6_pages_hold_what_fits
        r6_sizes_are_bytes
        r6_the_traits_body_agrees
    }
}

broken! {
    /// read_page reads the entries first, and the head later.
    pages_have_a_later_head in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let page = self.inner.read_page(s, g, start, bytes)?;
            // Pause only in pages without a limit. In checks that read page by page the result
            // would depend on the schedule.
            if bytes < usize::MAX {
                return Ok(page);
            }
            self.inner.wait_for_another_call();
            let head = self.inner.head(s, g)?.unwrap_or(page.head);
            Ok(Page::new(page.entries, head))
        }
    }
    caught by { r6_the_head_is_of_the_same_moment }
}

broken! {
    /// Returns the next page from a cache of the old log if the log has the same length.
    pages_continue_from_a_cursor in for_each_handle {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let page = self.inner.read_page(s, g, start, bytes)?;
            let (end, len) = (start.saturating_add(page.entries.len()), page.head.entries());
            let mut cursors = self.cursors.lock().unwrap();
            if let Some(rest) = cursors.remove(&(s, g, start, len)) {
                let kept = rest.into_iter().take(page.entries.len()).collect();
                return Ok(Page::new(kept, page.head));
            }
            if end < len {
                let rest = self.inner.read_page(s, g, end, usize::MAX)?.entries;
                cursors.insert((s, g, end, len), rest);
            }
            Ok(page)
        }
    }
    state { cursors: Mutex<BTreeMap<(SessionId, SegmentId, usize, usize), Vec<LogEntry>>> }
    caught by { r6_pages_continue_in_a_changed_log }
}

broken! {
    /// A page at a multiple of 256 begins one entry too early, like a page of an index of blocks.
    pages_at_a_block_start_too_early in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let early = usize::from(start > 0 && start.is_multiple_of(256));
            self.inner.read_page(s, g, start - early, bytes)
        }
    }
    caught by { l6_many_entries }
}

broken! {
    /// A page of an unknown segment is empty instead of an error, unless the page starts at 0.
    pages_of_the_unknown_are_empty in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            match self.inner.read_page(s, g, start, bytes) {
                Err(StoreError::NotFound(_)) if start > 0 => {
                    Ok(Page::new(Vec::new(), Head::new(0, 0)))
                }
                result => result,
            }
        }
    }
    caught by { r1_unknown_is_not_found }
}

broken! {
    /// read_page_matching leaves other entries out instead of returning None in their places.
    matching_pages_lose_positions in shared {
        fn read_page_matching(
            &self,
            s: SessionId,
            g: SegmentId,
            request: PageRequest,
            matches: &dyn Fn(&str) -> bool,
        ) -> Result<(Vec<Option<LogEntry>>, Option<Head>)> {
            let (mut entries, head) = self.inner.read_page_matching(s, g, request, matches)?;
            entries.retain(Option::is_some);
            Ok((entries, head))
        }
    }
    caught by { r7_other_entries_are_left_out }
}
