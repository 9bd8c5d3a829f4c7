//! Stores that change unusual texts of entries, or confuse unusual names of pods.

use session_store_core::{LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store};

use super::{broken, entry};
use crate::variant::Result;

broken! {
    /// Keeps only the last of several equal keys in a nested object, like a parser into a map.
    nested_duplicates_are_merged in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let text = given.as_json().replace(r#""b":1,"b":2"#, r#""b":2"#);
            self.inner.append(s, g, &entry(text))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// Drops the key `__proto__`, like an assignment to a JavaScript object.
    special_keys_are_dropped in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let text = given.as_json().replace(r#""__proto__":{"a":1},"#, "");
            self.inner.append(s, g, &entry(text))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// append_all renames keys that have a dollar sign, like a document database.
    dollar_keys_are_renamed in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let renamed = |given: &LogEntry| entry(given.as_json().replace(r#""$oid""#, r#""oid""#));
            self.inner.append_all(s, g, &entries.iter().map(renamed).collect::<Vec<_>>())
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
    /// create_segment collapses spaces inside strings.
    spaces_in_strings_collapse in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let collapsed = |given: &LogEntry| entry(given.as_json().replace("inner   spaces", "inner spaces"));
            self.inner.create_segment(s, g, &entries.iter().map(collapsed).collect::<Vec<_>>())
        }
    }
    caught by { c2_it_replaces_the_whole_log e1_kept_by_create }
}

broken! {
    /// append_all turns some strings into values of other types, like a YAML parser.
    words_become_values in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let typed = |given: &LogEntry| entry(given.as_json().replace(r#""yes":"yes""#, r#""yes":true"#));
            self.inner.append_all(s, g, &entries.iter().map(typed).collect::<Vec<_>>())
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
    /// Rounds integers that do not fit into 64 bits.
    large_integers_are_rounded in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let text = given.as_json().replace("123456789012345678901234567890", "1.2345678901234568e29");
            self.inner.append(s, g, &entry(text))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

/// Defines the methods of a store that keeps each pod under a changed name.
macro_rules! with_names {
    ($changed:expr) => {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            self.inner.put_pod(&changed(name, $changed), pod)
        }

        fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
            self.inner.read_pod(&changed(name, $changed))
        }

        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            self.inner.delete_pod(&changed(name, $changed))
        }

        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            self.inner.put_pod_if(&changed(name, $changed), expected, pod)
        }
    };
}

fn changed(name: &PodName, change: fn(&str) -> String) -> PodName {
    change(name.as_str()).parse().unwrap_or_else(|_| name.clone())
}

broken! {
    /// Decodes percent-encoding in the names of pods.
    pod_names_are_decoded in shared {
        with_names! { |name| name.replace("%62", "b").replace("%61", "a") }
    }
    caught by { p2_names_are_sorted p3_names_never_alias }
}

broken! {
    /// Reads a plus sign in the name of a pod as a space.
    pod_names_are_form_fields in shared {
        with_names! { |name| name.replace("a+b", "a b") }
    }
    caught by { p2_names_are_sorted p3_names_never_alias }
}

broken! {
    /// Stores the name of a pod as a number if the name consists of digits.
    pod_names_are_numbers in shared {
        with_names! { |name| {
            let number = name.trim_start_matches('0');
            if number.parse::<u32>().is_ok() { number.to_owned() } else { name.to_owned() }
        } }
    }
    caught by { p2_names_are_sorted p3_names_never_alias }
}

broken! {
    /// Replaces compatible characters in the names of pods, as NFKC does.
    pod_names_are_compatible in shared {
        with_names! { |name| name.replace('\u{fb01}', "fi").replace('\u{212b}', "\u{e5}") }
    }
    caught by { p2_names_are_sorted p3_names_never_alias }
}

broken! {
    /// Does not list pods whose names look like the names of temporary files.
    temporary_names_are_hidden in shared {
        fn list_pods(&self) -> Result<Vec<PodName>> {
            let all = self.inner.list_pods()?.into_iter();
            Ok(all.filter(|name| !name.as_str().ends_with(".tmp")).collect())
        }
    }
    caught by { p2_names_are_sorted }
}

broken! {
    /// Takes an entry with the key `_deleted` for a tombstone, like a document database.
    deleted_keys_are_tombstones in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            match given.as_json().contains(r#""_deleted":true"#) {
                true => self.inner.append_all(s, g, &[]),
                false => self.inner.append(s, g, given),
            }
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// append_all takes a key with a dot for a path, like a document database.
    dots_in_keys_are_paths in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let nested = |given: &LogEntry| {
                entry(given.as_json().replace(r#""a.b":1,"a":{"b":2}"#, r#""a":{"b":1}"#))
            };
            self.inner.append_all(s, g, &entries.iter().map(nested).collect::<Vec<_>>())
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
    /// Stores {} in the place of an entry with more than 1,000 keys, like an index with a limit.
    objects_have_a_thousand_keys in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            match given.as_json().matches(r#"":"#).count() {
                0..=1_000 => self.inner.append(s, g, given),
                _ => self.inner.append(s, g, &entry("{}")),
            }
        }
    }
    caught by { e4_many_keys_and_wide_characters }
}

broken! {
    /// Decodes each block of 8 KiB separately, so a character across two blocks is lost.
    blocks_are_decoded_one_by_one in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let blocks = given.as_json().as_bytes().chunks(8_192);
            let decoded = blocks.map(String::from_utf8_lossy).collect::<String>();
            self.inner.append(s, g, &entry(decoded))
        }
    }
    caught by { e4_many_keys_and_wide_characters }
}
