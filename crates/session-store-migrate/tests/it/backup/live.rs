//! Tests of exports from a source that changes at the same time. Each log in the backup must equal
//! the source's log at one moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use session_store_core::{SegmentKey, Store, StoreExt};
use session_store_memory::MemoryStore;

use super::{export, first_key, restored};
use crate::hooked_store::{Call, HookedStore};
use crate::{entries, log_of, new_key};

/// Exports a log of ten entries while `before_page` changes the log. Returns the backup, and the
/// reasons why parts are missing.
///
/// `before_page` is called before each page is read. It receives the store, the segment, and the
/// number of this page.
fn exported(
    before_page: impl Fn(&MemoryStore, SegmentKey, usize) + Send + Sync + 'static,
) -> (Vec<u8>, Vec<String>) {
    let key = new_key();
    let texts: Vec<_> = (0..10).map(|n| format!("{{\"n\":{n}}}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let store = MemoryStore::new();
    store.at(key).create(&entries(&texts)).unwrap();
    let pages = AtomicUsize::new(0);
    let source = HookedStore::with_hook(&store, move |call, store| {
        if call == Call::ReadPage {
            before_page(store, key, pages.fetch_add(1, Ordering::Relaxed));
        }
        Ok(())
    });
    let (file, report) = export(&source, &Default::default());
    let missing = report.manifest.missing;
    (file, missing.into_iter().map(|missing| missing.reason).collect())
}

fn only_log(file: Vec<u8>) -> Vec<String> {
    let store = restored(file);
    log_of(&store, first_key(&store))
}

#[test]
fn entries_appended_during_the_export_are_left_out() {
    let (file, missing) = exported(move |store, key, page| {
        if page < 50 {
            store.at(key).append(&entries(&[r#"{"late":1}"#])[0]).unwrap();
        }
    });
    assert!(missing.is_empty());
    assert_eq!(only_log(file).len(), 10);
}

#[test]
fn a_log_truncated_during_the_export_is_read_again() {
    let (file, missing) = exported(move |store, key, page| {
        if page == 7 {
            store.at(key).truncate(3).unwrap();
            store.at(key).append(&entries(&[r#"{"after":1}"#])[0]).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(only_log(file), [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"after":1}"#]);
}

#[test]
fn a_log_replaced_by_a_longer_one_is_read_again() {
    let (file, missing) = exported(move |store, key, page| {
        if page == 4 {
            store.at(key).create(&entries(&["{}"; 20])).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(only_log(file), ["{}"; 20]);
}

/// The log is replaced between two pages. The old and the new log have the same entry before the
/// second page, so the read of this page does not notice the change.
#[test]
fn a_log_replaced_by_a_similar_one_is_read_again() {
    let other = [r#"{"m":0}"#, r#"{"n":1}"#, r#"{"m":2}"#, r#"{"m":3}"#];
    let (file, missing) = exported(move |store, key, page| {
        if page == 2 {
            store.at(key).create(&entries(&other)).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(only_log(file), other);
}

#[test]
fn a_log_that_is_replaced_in_every_round_is_missing() {
    let (file, missing) = exported(move |store, key, page| {
        let other = format!("{{\"page\":{page}}}");
        store.at(key).create(&entries(&[other.as_str(); 5])).unwrap();
    });
    assert_eq!(missing.len(), 1);
    assert!(missing[0].contains("each of 5 reads"), "{missing:?}");
    assert!(restored(file).list_sessions().unwrap().is_empty());
}

#[test]
fn a_segment_deleted_during_the_export_is_not_missing() {
    let (file, missing) = exported(move |store, key, page| {
        if page == 4 {
            store.at(key).delete().unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert!(restored(file).list_sessions().unwrap().is_empty());
}
