//! Stores that mix up, trim or forget pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use session_store_core::{Pod, PodName, PodStore};

use super::broken;
use crate::variant::{Answer, Inner};

fn folded(name: &PodName) -> PodName {
    name.as_str().to_ascii_lowercase().parse().expect("a name stays one in lower case")
}

/// The pods of every storage in this program.
static PODS: Mutex<BTreeMap<PodName, Pod>> = Mutex::new(BTreeMap::new());

broken! {
    /// A case-insensitive collation.
    folds_the_case_of_pods in shared {
        fn put_pod(&self, inner: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            inner.put_pod(&folded(name), pod)
        }
        fn read_pod(&self, inner: &Inner, name: &PodName) -> Answer<Option<Pod>> {
            inner.read_pod(&folded(name))
        }
        fn delete_pod(&self, inner: &Inner, name: &PodName) -> Answer<bool> {
            inner.delete_pod(&folded(name))
        }
    }
    caught by { p2_names_are_sorted p3_names_never_alias }
}

broken! {
    /// A schema with a column for each field that it knows.
    keeps_only_the_pointer in shared {
        fn put_pod(&self, inner: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            let pointer = pod.active().map(|active| Pod::new(active.session_id, active.segment_id));
            inner.put_pod(name, &pointer.unwrap_or_else(|| pod.clone()))
        }
    }
    caught by { p1_unknown_fields_are_kept }
}

broken! {
    /// Deleting is made to be repeated, and so always works.
    deletes_pods_that_are_not_there in shared {
        fn delete_pod(&self, inner: &Inner, name: &PodName) -> Answer<bool> {
            inner.delete_pod(name).map(|_| true)
        }
    }
    caught by { p2_absent_is_none }
}

broken! {
    /// The order of a hash table, nearly.
    lists_pods_backwards in shared {
        fn list_pods(&self, inner: &Inner) -> Answer<Vec<PodName>> {
            Ok(inner.list_pods()?.into_iter().rev().collect())
        }
    }
    caught by { p2_names_are_sorted }
}

broken! {
    /// Replacing is deleting and putting.
    replaces_pods_in_two_steps in shared {
        fn put_pod(&self, inner: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            inner.delete_pod(name)?;
            inner.let_others_in();
            inner.put_pod(name, pod)
        }
    }
    caught by { p1_readers_see_the_old_or_the_new }
}

broken! {
    /// An insert that keeps what is there.
    never_replaces_pods in shared {
        fn put_pod(&self, inner: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            if inner.read_pod(name)?.is_some() { Ok(()) } else { inner.put_pod(name, pod) }
        }
    }
    caught by { p1_put_creates_and_replaces p1_the_pointer_is_read }
}

broken! {
    /// Pods are the program's, not the storage's.
    pods_are_global in shared {
        fn put_pod(&self, _: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            PODS.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }
        fn read_pod(&self, _: &Inner, name: &PodName) -> Answer<Option<Pod>> {
            Ok(PODS.lock().unwrap().get(name).cloned())
        }
        fn list_pods(&self, _: &Inner) -> Answer<Vec<PodName>> {
            Ok(PODS.lock().unwrap().keys().cloned().collect())
        }
        fn delete_pod(&self, _: &Inner, name: &PodName) -> Answer<bool> {
            Ok(PODS.lock().unwrap().remove(name).is_some())
        }
    }
    caught by {
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p2_absent_is_none
        p2_names_are_sorted
        p3_names_never_alias
        s1_fresh_storages_are_isolated
    }
}

broken! {
    /// Pods are written when the handle closes.
    pods_wait_for_the_close in for_each_handle {
        fn put_pod(&self, _: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            self.waiting.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }
        fn close(&self, inner: &Inner) {
            for (name, pod) in self.waiting.lock().unwrap().iter() {
                inner.put_pod(name, pod).expect("memory takes a pod");
            }
        }
    }
    state { waiting: Mutex<BTreeMap<PodName, Pod>> }
    caught by {
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p1_the_pointer_is_read
        p1_unknown_fields_are_kept
        p2_absent_is_none
        p2_names_are_sorted
        p3_names_never_alias
        s1_a_second_handle_sees_the_same
        s2_reopening_finds_everything
        t6_pods_stay
    }
}

broken! {
    /// A handle shows its own pods, and stores them when it closes.
    handles_keep_pods_until_they_close in for_each_handle {
        fn put_pod(&self, _: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            self.own.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }
        fn read_pod(&self, inner: &Inner, name: &PodName) -> Answer<Option<Pod>> {
            let own = self.own.lock().unwrap().get(name).cloned();
            own.map_or_else(|| inner.read_pod(name), |pod| Ok(Some(pod)))
        }
        fn list_pods(&self, inner: &Inner) -> Answer<Vec<PodName>> {
            let own = self.own.lock().unwrap();
            let names: BTreeSet<_> = inner.list_pods()?.into_iter().chain(own.keys().cloned()).collect();
            Ok(names.into_iter().collect())
        }
        fn delete_pod(&self, inner: &Inner, name: &PodName) -> Answer<bool> {
            let own = self.own.lock().unwrap().remove(name).is_some();
            Ok(inner.delete_pod(name)? || own)
        }
        fn close(&self, inner: &Inner) {
            for (name, pod) in self.own.lock().unwrap().iter() {
                inner.put_pod(name, pod).expect("memory takes a pod");
            }
        }
    }
    state { own: Mutex<BTreeMap<PodName, Pod>> }
    caught by {
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p3_names_never_alias
        s1_a_second_handle_sees_the_same
        s3_nothing_waits_for_the_close
    }
}
