//! Broken stores whose handles write too late, forget data when they close, or fail after a panic.
//! `broken!` defines a store and its test: each check under `caught by` must fail.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use session_store_core::{
    Head, LogEntry, PageRequest, Pod, PodName, PodStore, SegmentId, SegmentKey, SessionId, Store,
    StoreExt,
};

use super::{broken, definite_error};
use crate::variant::Result;

broken! {
    /// Stores small entries only when the handle is closed.
    appends_wait_for_the_close in for_each_handle {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            // Only entries of two bytes fit into the buffer. Larger ones are stored at once.
            if entry.as_json().len() > 2 || !self.inner.exists(s, g)? {
                return self.inner.append(s, g, entry);
            }
            self.waiting.lock().unwrap().push((SegmentKey::new(s, g), entry.clone()));
            Ok(())
        }

        fn close(&self) {
            for (key, entry) in self.waiting.lock().unwrap().drain(..) {
                self.inner.at(key).append(&entry).expect("the memory store accepts every entry");
            }
        }
    }
    state { waiting: Mutex<Vec<(SegmentKey, LogEntry)>> }
    caught by {
        c4_the_count_is_what_is_read
        c5_a_writer_sees_that_it_is_not_alone
        e4_logs_around_powers_of_two
        e4_sixty_four_mebibytes
        e4_the_empty_object
        h1_it_counts
        r6_the_traits_body_agrees
    }
}

broken! {
    /// Closing a handle writes truncated entries back if the handle had read them.
    closing_restores_what_it_read in for_each_handle {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            let entries = self.inner.read_all(s, g)?;
            let mut read = self.read.lock().unwrap();
            if read.as_ref().is_none_or(|(_, before)| before.len() < entries.len()) {
                *read = Some((SegmentKey::new(s, g), entries.clone()));
            }
            Ok(entries)
        }

        fn close(&self) {
            if let Some((key, entries)) = self.read.lock().unwrap().take()
                && self.inner.at(key).read_entry_count().is_ok_and(|now| now < entries.len())
            {
                self.inner.at(key).create(&entries).expect("the memory store accepts every log");
            }
        }
    }
    state { read: Mutex<Option<(SegmentKey, Vec<LogEntry>)>> }
    caught by { t4_what_was_cut_stays_cut }
}

broken! {
    /// Closing a handle deletes all sessions, like a cache without a storage.
    closing_forgets_everything in for_each_handle {
        fn close(&self) {
            for session in self.inner.list_sessions().expect("the memory store can list") {
                self.inner.delete_session(session).expect("the memory store can delete");
            }
        }
    }
    caught by {
        d1_deleted_stays_deleted
        e1_kept_by_reopening
        h1_no_head_comes_back
        l5_the_answer_outlives_the_handles
        l6_many_sessions
        l7_reopening_keeps_the_facts
        s1_a_second_handle_sees_the_same
        s2_appends_continue
        s2_reopening_finds_everything
        s6_first_opens_race
        t4_what_was_cut_stays_cut
    }
}

broken! {
    /// All appends fail after a panic, as if a mutex were poisoned.
    a_panic_poisons_it in shared {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            if thread::panicking() {
                self.poisoned.store(true, Ordering::SeqCst);
            }
            if self.poisoned.load(Ordering::SeqCst) {
                Err(definite_error())
            } else {
                self.inner.append(s, g, entry)
            }
        }
    }
    state { poisoned: AtomicBool }
    caught by { s5_a_panic_poisons_nothing }
}

broken! {
    /// Closing a handle restores the pods that the handle has deleted.
    closing_restores_pods in for_each_handle {
        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            if let Some(pod) = self.inner.read_pod(name)? {
                self.deleted.lock().unwrap().push((name.clone(), pod));
            }
            self.inner.delete_pod(name)
        }

        fn close(&self) {
            for (name, pod) in &*self.deleted.lock().unwrap() {
                self.inner.put_pod_if(name, None, pod).ok();
            }
        }
    }
    state { deleted: Mutex<Vec<(PodName, Pod)>> }
    caught by { s2_reopening_finds_everything }
}

broken! {
    /// Closing a handle restores the sessions that the handle has deleted.
    closing_restores_sessions in for_each_handle {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            for g in self.inner.list_segments(s)? {
                let entries = self.inner.read_all(s, g)?;
                self.deleted.lock().unwrap().push((s, g, entries));
            }
            self.inner.delete_session(s)
        }

        fn close(&self) {
            for (s, g, entries) in &*self.deleted.lock().unwrap() {
                self.inner.append_if(*s, *g, None, entries).ok();
            }
        }
    }
    state { deleted: Mutex<Vec<(SessionId, SegmentId, Vec<LogEntry>)>> }
    caught by { d1_deleted_stays_deleted }
}

broken! {
    /// Locks a mutex while it calls the caller's closure. A panic in the closure poisons the mutex.
    a_closure_poisons_it in shared {
        fn read_page_matching(
            &self,
            s: SessionId,
            g: SegmentId,
            request: PageRequest,
            matches: &dyn Fn(&str) -> bool,
        ) -> Result<(Vec<Option<LogEntry>>, Option<Head>)> {
            let _guard = self.reading.lock().map_err(|_| definite_error())?;
            self.inner.read_page_matching(s, g, request, matches)
        }
    }
    state { reading: Mutex<()> }
    caught by { s5_a_panic_in_a_closure_poisons_nothing }
}
