//! Broken stores that change the text of entries. `broken!` defines a store and its test: each
//! check under `caught by` must fail.

use session_store_core::{LogEntry, Page, SegmentId, SessionId, Store, StoreError};

use super::{broken, entry};
use crate::variant::Result;

broken! {
    /// Parses numbers as floats and prints them again.
    rewrites_numbers in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(s, g, &entry(given.as_json().replace("1.0", "1")))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// Normalizes Unicode to the composed form.
    composes_unicode in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(s, g, &entry(given.as_json().replace("e\u{301}", "\u{e9}")))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// Decodes escapes in the entries of a batch.
    batches_unescape in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let unescaped = |given: &LogEntry| entry(given.as_json().replace(r"\u00e9", "\u{e9}"));
            self.inner.append_all(s, g, &entries.iter().map(unescaped).collect::<Vec<_>>())
        }
    }
    caught by {
        e1_kept_by_append_all
        e1_kept_by_pages
        e1_kept_by_reopening
        e1_kept_by_truncate
        t1_it_keeps_the_first
        t4_what_was_cut_stays_cut
        t6_siblings_stay
    }
}

broken! {
    /// create_segment removes spaces between tokens.
    compacts_replaced_logs in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let compact: Vec<_> =
                entries.iter().map(|given| entry(given.as_json().replace("{ ", "{"))).collect();
            self.inner.create_segment(s, g, &compact)
        }
    }
    caught by { c2_it_replaces_the_whole_log e1_kept_by_create }
}

broken! {
    /// truncate decodes the remaining entries and encodes them again.
    truncating_rewrites in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let before = self.inner.read_all(s, g)?;
            self.inner.truncate(s, g, entries_len)?;
            let kept = &before[..entries_len];
            // Rewrite only logs that contain this number. In checks with concurrent appends, a
            // rewrite could lose an entry, depending on the schedule.
            if entries_len == before.len()
                || !kept.iter().any(|kept| kept.as_json().contains("1E+2"))
            {
                return Ok(());
            }
            let rewritten: Vec<_> =
                kept.iter().map(|kept| entry(kept.as_json().replace("1E+2", "1e2"))).collect();
            self.inner.create_segment(s, g, &rewritten)
        }
    }
    caught by { e1_kept_by_truncate t1_it_keeps_the_first }
}

broken! {
    /// Decodes escapes in the entries of a page.
    pages_lose_escapes in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let Page { entries, head, .. } = self.inner.read_page(s, g, start, bytes)?;
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
    /// Stores entries with its own spacing between tokens.
    spaces_its_own_way in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(
                s,
                g,
                &entry(given.as_json().replace("\" :[", "\":[").replace("\"a\": [", "\"a\":[")),
            )
        }
    }
    caught by { e2_values_become_one_line e3_line_breaks_are_dropped }
}

broken! {
    /// append_all stores {} in the place of an entry with too many levels of nesting.
    flattens_deep_entries in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let deep = |given: &LogEntry| given.as_json().matches(['{', '[']).count() > 127;
            let flat = |given: &LogEntry| if deep(given) { entry("{}") } else { given.clone() };
            self.inner.append_all(s, g, &entries.iter().map(flat).collect::<Vec<_>>())
        }
    }
    caught by { e4_two_hundred_levels }
}

broken! {
    /// Stores another text in the place of an entry that is too long for a column of 64 KiB.
    cuts_long_entries in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let fits = given.as_json().len() <= 65_535;
            if fits {
                self.inner.append(s, g, given)
            } else {
                self.inner.append(s, g, &entry("{\"cut\":true}"))
            }
        }
    }
    caught by {
        a4_every_entry_once_and_whole
        a4_segments_do_not_mix
        e4_many_keys_and_wide_characters
        e4_sixty_four_mebibytes
        e4_sizes_around_powers_of_two
    }
}

broken! {
    /// read_all drops entries of unknown kinds.
    drops_unknown_kinds in shared {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            let known = |entry: &LogEntry| !entry.as_json().contains("from_the_future");
            Ok(self.inner.read_all(s, g)?.into_iter().filter(known).collect())
        }
    }
    caught by {
        e5_every_method_keeps_unknown_fields
        e5_unknown_kinds_are_data
    }
}

broken! {
    /// append stores an entry first, and checks the size limit afterwards.
    stores_what_is_too_large in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(s, g, given)?;
            let (size, limit) = (given.as_json().len() as u64, 1 << 20);
            if size > limit { Err(StoreError::TooLarge { size, limit }) } else { Ok(()) }
        }
    }
    caught by {
        e4_a_batch_with_a_large_entry
        e4_a_condition_with_a_large_entry
        e4_a_large_entry_replaces_nothing
        e4_readers_see_nothing_of_it
        e4_sixty_four_mebibytes
    }
}
