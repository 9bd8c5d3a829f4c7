//! Broken stores that mix up, change or lose pods. `broken!` defines a store and its test: each
//! check under `caught by` must fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use session_store_core::{Pod, PodName, PodStore, StoreError};

use super::broken;
use crate::variant::Result;

fn folded(name: &PodName) -> PodName {
    name.as_str().to_ascii_lowercase().parse().expect("a name in lower case is a name")
}

/// The pods of all storages in this program. One of them is from another storage.
static PODS: LazyLock<Mutex<BTreeMap<PodName, Pod>>> = LazyLock::new(|| {
    let (name, pod) = ("of another storage".parse(), Pod::from_json("{}"));
    let (name, pod) = (name.expect("a valid name"), pod.expect("a valid pod"));
    Mutex::new(BTreeMap::from([(name, pod)]))
});

broken! {
    /// Ignores the case of pod names, like a case-insensitive collation.
    folds_the_case_of_pods in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            self.inner.put_pod(&folded(name), pod)
        }

        fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
            self.inner.read_pod(&folded(name))
        }

        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            self.inner.delete_pod(&folded(name))
        }
    }
    caught by { p2_names_are_sorted p3_names_never_alias }
}

broken! {
    /// Stores only the known fields of a pod, like a schema with fixed columns.
    keeps_only_the_pointer in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            let pointer = pod.active().map(|active| Pod::new(active.session_id, active.segment_id));
            self.inner.put_pod(name, &pointer.unwrap_or_else(|| pod.clone()))
        }
    }
    caught by { p1_unknown_fields_are_kept }
}

broken! {
    /// delete_pod of an absent pod returns true.
    deletes_pods_that_are_not_there in shared {
        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            self.inner.delete_pod(name).map(|_| true)
        }
    }
    caught by { p2_absent_is_none }
}

broken! {
    /// Lists pods in descending order.
    lists_pods_backwards in shared {
        fn list_pods(&self) -> Result<Vec<PodName>> {
            Ok(self.inner.list_pods()?.into_iter().rev().collect())
        }
    }
    caught by { l6_many_pods p2_names_are_sorted }
}

broken! {
    /// put_pod deletes the old pod and then stores the new pod. Readers see no pod in between.
    replaces_pods_in_two_steps in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            self.inner.delete_pod(name)?;
            self.inner.wait_for_another_call();
            self.inner.put_pod(name, pod)
        }
    }
    caught by { p1_readers_see_the_old_or_the_new }
}

broken! {
    /// put_pod does not replace an existing pod.
    never_replaces_pods in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            if self.inner.read_pod(name)?.is_some() {
                Ok(())
            } else {
                self.inner.put_pod(name, pod)
            }
        }
    }
    caught by {
        p1_put_creates_and_replaces
        p1_the_pointer_is_read
        p4_a_conflict_changes_nothing
        p4_plain_puts_are_seen
    }
}

broken! {
    /// Keeps pods in a variable of the program instead of the storage.
    pods_are_global in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            PODS.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }

        fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
            Ok(PODS.lock().unwrap().get(name).cloned())
        }

        fn list_pods(&self) -> Result<Vec<PodName>> {
            Ok(PODS.lock().unwrap().keys().cloned().collect())
        }

        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            Ok(PODS.lock().unwrap().remove(name).is_some())
        }
    }
    caught by {
        l6_many_pods
        p1_pods_outlive_deletes
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p2_absent_is_none
        p2_names_are_sorted
        p3_names_never_alias
        p4_a_conflict_changes_nothing
        p4_it_puts_the_pod
        p4_one_creator_wins
        p4_one_writer_wins
        s1_fresh_storages_are_isolated
    }
}

broken! {
    /// Stores pods only when the handle is closed.
    pods_wait_for_the_close in for_each_handle {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            self.waiting.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }

        fn close(&self) {
            for (name, pod) in self.waiting.lock().unwrap().iter() {
                self.inner.put_pod(name, pod).expect("the memory store accepts every pod");
            }
        }
    }
    state { waiting: Mutex<BTreeMap<PodName, Pod>> }
    caught by {
        l6_many_pods
        p1_pods_outlive_deletes
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p1_the_pointer_is_read
        p1_unknown_fields_are_kept
        p2_absent_is_none
        p2_names_are_sorted
        p3_names_never_alias
        p4_a_conflict_changes_nothing
        p4_bytes_are_compared
        p4_one_writer_wins
        p4_plain_puts_are_seen
        s1_a_second_handle_sees_the_same
        s2_reopening_finds_everything
        t6_pods_stay
    }
}

broken! {
    /// A handle reads its own pods at once, but stores them only when the handle is closed.
    handles_keep_pods_until_they_close in for_each_handle {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            self.own.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }

        fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
            let own = self.own.lock().unwrap().get(name).cloned();
            own.map_or_else(|| self.inner.read_pod(name), |pod| Ok(Some(pod)))
        }

        fn list_pods(&self) -> Result<Vec<PodName>> {
            let own = self.own.lock().unwrap();
            let names: BTreeSet<_> =
                self.inner.list_pods()?.into_iter().chain(own.keys().cloned()).collect();
            Ok(names.into_iter().collect())
        }

        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            let own = self.own.lock().unwrap().remove(name).is_some();
            Ok(self.inner.delete_pod(name)? || own)
        }

        fn close(&self) {
            for (name, pod) in self.own.lock().unwrap().iter() {
                self.inner.put_pod(name, pod).expect("the memory store accepts every pod");
            }
        }
    }
    state { own: Mutex<BTreeMap<PodName, Pod>> }
    caught by {
        m1_checking_changes_nothing
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p3_names_never_alias
        p4_a_conflict_changes_nothing
        p4_one_writer_wins
        p4_plain_puts_are_seen
        s1_a_second_handle_sees_the_same
        s3_nothing_waits_for_the_close
    }
}

broken! {
    /// put_pod_if succeeds, but does not replace the old pod.
    conditional_puts_are_lost in shared {
        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            let stored = self.inner.read_pod(name)?;
            self.inner.put_pod_if(name, expected, stored.as_ref().unwrap_or(pod))
        }
    }
    caught by { p4_it_puts_the_pod p4_one_writer_wins }
}

broken! {
    /// Compares the old pod first and puts the new pod later. Another writer can put in between.
    checks_then_puts in shared {
        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            if self.inner.read_pod(name)?.as_ref() != expected {
                return Err(StoreError::PodConflict { name: name.to_string() });
            }
            self.inner.wait_for_another_call();
            self.inner.put_pod(name, pod)
        }
    }
    caught by { p4_one_creator_wins p4_one_writer_wins p4_plain_puts_are_seen }
}

broken! {
    /// put_pod_if excludes other calls of put_pod_if, but does not exclude put_pod.
    plain_puts_are_overwritten in shared {
        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            let _one_at_a_time = self.lock.lock().unwrap();
            if self.inner.read_pod(name)?.as_ref() != expected {
                return Err(StoreError::PodConflict { name: name.to_string() });
            }
            // Pause only in the check with a plain put. In the others nothing would end the pause.
            if pod.as_json().contains("conditional") {
                self.inner.wait_for_another_call();
            }
            self.inner.put_pod(name, pod)
        }
    }
    state { lock: Mutex<()> }
    caught by { p4_plain_puts_are_seen }
}

broken! {
    /// put_pod_if with None accepts every stored pod.
    none_expects_any_pod in shared {
        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            match expected {
                None => self.inner.put_pod(name, pod),
                _ => self.inner.put_pod_if(name, expected, pod),
            }
        }
    }
    caught by { p4_a_conflict_changes_nothing p4_one_creator_wins }
}

broken! {
    /// put_pod_if compares pods as JSON values instead of bytes.
    compares_pods_as_values in shared {
        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            let value = |pod: &Pod| serde_json::from_str::<serde_json::Value>(pod.as_json()).ok();
            let _one_at_a_time = self.lock.lock().unwrap();
            let stored = self.inner.read_pod(name)?;
            if stored.as_ref().map(value) == expected.map(value) {
                return self.inner.put_pod_if(name, stored.as_ref(), pod);
            }
            Err(StoreError::PodConflict { name: name.to_string() })
        }
    }
    state { lock: Mutex<()> }
    caught by { p4_bytes_are_compared }
}

broken! {
    /// PodConflict does not have the name of the pod.
    conflicts_have_no_name in shared {
        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            self.inner.put_pod_if(name, expected, pod).map_err(|error| match error {
                StoreError::PodConflict { .. } => StoreError::PodConflict { name: String::new() },
                other => other,
            })
        }
    }
    caught by {
        p4_a_conflict_changes_nothing
        p4_bytes_are_compared
        p4_one_creator_wins
        p4_one_writer_wins
    }
}

broken! {
    /// Keeps the first version of a replaced pod. delete_pod shows this version again.
    deletes_one_of_two_copies in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            if let Some(first) = self.inner.read_pod(name)? {
                self.first.lock().unwrap().entry(name.as_str().to_owned()).or_insert(first);
            }
            self.inner.put_pod(name, pod)
        }

        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            let is_deleted = self.inner.delete_pod(name)?;
            if let Some(first) = self.first.lock().unwrap().remove(name.as_str()) {
                self.inner.put_pod(name, &first)?;
            }
            Ok(is_deleted)
        }
    }
    state { first: Mutex<BTreeMap<String, Pod>> }
    caught by {
        p1_put_creates_and_replaces
        p4_a_conflict_changes_nothing
    }
}

broken! {
    /// Lists only the first 1,000 pods, like the page of an API.
    lists_a_thousand_pods in shared {
        fn list_pods(&self) -> Result<Vec<PodName>> {
            Ok(self.inner.list_pods()?.into_iter().take(1_000).collect())
        }
    }
    caught by { l6_many_pods }
}

broken! {
    /// Caches absent pods in each handle, and ignores that another handle puts such a pod.
    absent_pods_are_kept in for_each_handle {
        fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
            let mut absent = self.absent.lock().unwrap();
            if absent.contains(name) {
                return Ok(None);
            }
            let pod = self.inner.read_pod(name)?;
            if pod.is_none() {
                absent.insert(name.clone());
            }
            Ok(pod)
        }

        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            self.absent.lock().unwrap().remove(name);
            self.inner.put_pod(name, pod)
        }

        fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
            self.absent.lock().unwrap().remove(name);
            self.inner.put_pod_if(name, expected, pod)
        }
    }
    state { absent: Mutex<BTreeSet<PodName>> }
    caught by { p1_put_creates_and_replaces }
}

broken! {
    /// Loses a pod that is too long for a column of 64 KiB.
    pods_have_a_column_of_64_kib in shared {
        fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
            match pod.as_json().len() {
                0..0x1_0000 => self.inner.put_pod(name, pod),
                _ => Ok(()),
            }
        }
    }
    caught by { p1_put_creates_and_replaces }
}
