//! Stores that change what they were given.

use session_store_core::{LogEntry, Page, Store, StoreError};

use super::broken;
use crate::variant::{Answer, Inner, Key};

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
    /// Unicode is brought into its composed form.
    composes_unicode in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, &entry(given.as_json().replace("e\u{301}", "\u{e9}")))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// A batch goes through another encoder.
    batches_unescape in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let unescaped = |given: &LogEntry| entry(given.as_json().replace(r"\u00e9", "\u{e9}"));
            inner.append_all(s, g, &entries.iter().map(unescaped).collect::<Vec<_>>())
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
    /// Cutting decodes what it keeps, and encodes it anew.
    truncating_rewrites in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let before = inner.read_all(s, g)?;
            inner.truncate(s, g, entries_len)?;
            let kept = &before[..entries_len];
            // Only what it spells in another way, so that chance has no say where others write.
            if entries_len == before.len() || !kept.iter().any(|kept| kept.as_json().contains("1E+2")) {
                return Ok(());
            }
            let rewritten: Vec<_> = kept.iter().map(|kept| entry(kept.as_json().replace("1E+2", "1e2"))).collect();
            inner.create_segment(s, g, &rewritten)
        }
    }
    caught by { e1_kept_by_truncate t1_it_keeps_the_first }
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
    /// Spaces between tokens are an engine's to choose.
    spaces_its_own_way in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, &entry(given.as_json().replace("\" :[", "\":[").replace("\"a\": [", "\"a\":[")))
        }
    }
    caught by { e2_values_become_one_line e3_line_breaks_are_dropped }
}

broken! {
    /// Nesting past a limit is flattened.
    flattens_deep_entries in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let deep = |given: &LogEntry| given.as_json().matches(['{', '[']).count() > 127;
            let flat = |given: &LogEntry| if deep(given) { entry("{}".into()) } else { given.clone() };
            inner.append_all(s, g, &entries.iter().map(flat).collect::<Vec<_>>())
        }
    }
    caught by { e4_two_hundred_levels }
}

broken! {
    /// A column of so many characters.
    cuts_long_entries in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let fits = given.as_json().len() <= 65_535;
            if fits { inner.append(s, g, given) } else { inner.append(s, g, &entry("{\"cut\":true}".into())) }
        }
    }
    caught by { a4_every_entry_once_and_whole a4_segments_do_not_mix e4_sixty_four_mebibytes }
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
