//! Stores whose handles do at their end what they should have done before, or never.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use session_store_core::{LogEntry, Store, StoreError};

use super::broken;
use crate::variant::{Answer, Inner, Key};

fn refused() -> StoreError {
    io::Error::from(io::ErrorKind::Other).into()
}

broken! {
    /// What is appended is stored when the handle closes.
    appends_wait_for_the_close in for_each_handle {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            // Only what fits the buffer waits.
            if entry.as_json().len() > 2 || !inner.exists(s, g)? {
                return inner.append(s, g, entry);
            }
            self.waiting.lock().unwrap().push(((s, g), entry.clone()));
            Ok(())
        }
        fn close(&self, inner: &Inner) {
            for ((s, g), entry) in self.waiting.lock().unwrap().drain(..) {
                inner.append(s, g, &entry).expect("memory takes an entry");
            }
        }
    }
    state { waiting: Mutex<Vec<(Key, LogEntry)>> }
    caught by {
        c4_the_count_is_what_is_read
        c5_a_writer_sees_that_it_is_not_alone
        e4_sixty_four_mebibytes
        e4_the_empty_object
        h1_it_counts
        r6_the_traits_body_agrees
    }
}

broken! {
    /// What was cut comes back when the handle that had read it closes.
    closing_restores_what_it_read in for_each_handle {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let entries = inner.read_all(s, g)?;
            let mut read = self.read.lock().unwrap();
            if read.as_ref().is_none_or(|(_, before)| before.len() < entries.len()) {
                *read = Some(((s, g), entries.clone()));
            }
            Ok(entries)
        }
        fn close(&self, inner: &Inner) {
            if let Some(((s, g), entries)) = self.read.lock().unwrap().take()
                && inner.read_entry_count(s, g).is_ok_and(|now| now < entries.len())
            {
                inner.create_segment(s, g, &entries).expect("memory creates");
            }
        }
    }
    state { read: Mutex<Option<(Key, Vec<LogEntry>)>> }
    caught by { t4_what_was_cut_stays_cut }
}

broken! {
    /// A cache without anything behind it.
    closing_forgets_everything in for_each_handle {
        fn close(&self, inner: &Inner) {
            for session in inner.list_sessions().expect("memory lists") {
                inner.delete_session(session).expect("memory deletes");
            }
        }
    }
    caught by {
        d1_deleted_stays_deleted
        e1_kept_by_reopening
        l5_the_answer_outlives_the_handles
        l6_many_sessions
        s1_a_second_handle_sees_the_same
        s2_appends_continue
        s2_reopening_finds_everything
        s6_first_opens_race
        t4_what_was_cut_stays_cut
    }
}

broken! {
    /// A lock without care for a panic.
    a_panic_poisons_it in shared {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            if thread::panicking() {
                self.poisoned.store(true, Ordering::SeqCst);
            }
            if self.poisoned.load(Ordering::SeqCst) { Err(refused()) } else { inner.append(s, g, entry) }
        }
    }
    state { poisoned: AtomicBool }
    caught by { s5_a_panic_poisons_nothing }
}
