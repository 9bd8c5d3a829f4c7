//! The costs that must not grow with a log, in a correct store and in a store that reads the whole
//! log in each call. The tests measure times, so they are ignored by default.

use rstest::rstest;
use session_store_conformance::{Cost, Growth};
use session_store_core::{SegmentId, SessionId, Store, forward_store};
use session_store_memory::MemoryStore;

use crate::variant::Result;

mod of_a_correct_store {
    use super::MemoryStore;

    session_store_conformance::conformance_growth! {
        harness: || { let store = MemoryStore::new(); move || store.clone() },
    }
}

/// A store that reads the whole log for each count, and also for each page by the provided body.
struct ReadsAll(MemoryStore);

impl Store for ReadsAll {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        append_trace truncate append_all
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        Ok(self.0.read_all(s, g)?.len())
    }
}

#[rstest]
#[case::count(Cost::Count)]
#[case::pages(Cost::Pages)]
#[should_panic(expected = "the limit is 10 times")]
#[ignore = "measures times: cargo test --release -- --ignored growth --test-threads 1"]
fn growth_is_found(#[case] cost: Cost) {
    let harness = || {
        let store = MemoryStore::new();
        move || ReadsAll(store.clone())
    };
    Growth::measure(&harness, cost).assert_flat();
}
