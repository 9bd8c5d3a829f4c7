//! `GatedStore`: a store in which conditional appends wait until the test lets them continue.

use std::sync::{Arc, Condvar, Mutex};

use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError, forward_store};
use test_deadlines::{DEADLINE, wait_until};

use crate::faulty_store::FaultyStore;

#[derive(Clone, Default)]
pub(crate) struct GatedStore {
    pub(crate) store: FaultyStore,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    is_closed: bool,
    panics: bool,
    /// The number of entries of each conditional append that has reached the gate.
    batches: Vec<usize>,
}

impl GatedStore {
    pub(crate) fn new(store: FaultyStore) -> Self {
        Self { store, ..Self::default() }
    }

    /// Lets later appends wait. Clears the list of appends that have reached the gate.
    pub(crate) fn close(&self) {
        *self.gate.0.lock().unwrap() = Gate { is_closed: true, ..Gate::default() };
    }

    pub(crate) fn open(&self) {
        self.gate.0.lock().unwrap().is_closed = false;
        self.gate.1.notify_all();
    }

    /// Opens the gate. The waiting appends and all later appends panic.
    pub(crate) fn open_to_panic(&self) {
        self.gate.0.lock().unwrap().panics = true;
        self.open();
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.gate.0.lock().unwrap().batches.clone()
    }

    /// Waits until an append has reached the gate.
    pub(crate) fn wait_until_reached(&self) {
        wait_until("an append at the gate", || self.batches().len() == 1);
    }

    fn pass(&self, entries: &[LogEntry]) {
        let (gate, opened) = &*self.gate;
        let mut gate = gate.lock().unwrap();
        gate.batches.push(entries.len());
        let (gate, timeout) =
            opened.wait_timeout_while(gate, DEADLINE, |gate| gate.is_closed).unwrap();
        let panics = gate.panics;
        drop(gate);
        assert!(!timeout.timed_out(), "waited too long for the gate");
        assert!(!panics, "the test lets this append panic");
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for GatedStore {
    forward_store! { self => self.store;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate capabilities pods maintenance append_all read_page
        read_page_with read_page_matching head segment_info list_infos truncate_if read_trace_page
        delete_segment delete_session sync
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        self.pass(entries);
        self.store.append_if(session, segment, expected, entries)
    }
}
