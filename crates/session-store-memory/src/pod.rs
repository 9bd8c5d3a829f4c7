//! `MemoryStore` as a `PodStore`. A pod is a named agent with a pointer to its active session and
//! segment.

use session_store_core::{Pod, PodName, PodStore, StoreError};

use crate::store::MemoryStore;

impl PodStore for MemoryStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.write().pods.insert(name.clone(), pod.clone());
        Ok(())
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        Ok(self.read().pods.get(name).cloned())
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        Ok(self.read().pods.keys().cloned().collect())
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        Ok(self.write().pods.remove(name).is_some())
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        let mut state = self.write();
        if state.pods.get(name) != expected {
            return Err(StoreError::PodConflict { name: name.to_string() });
        }
        state.pods.insert(name.clone(), pod.clone());
        Ok(())
    }
}
