//! `PodStore`: stores pods by name. `PodStoreExt` adds the loop that updates a pod.

use crate::{Capability, Pod, PodName, StoreError};

/// The pods of a storage. Pods are read and written by name.
///
/// A [`Pod`] is a named agent with a pointer to its active session and segment. Pods are in the
/// same storage as the sessions.
///
/// Putting a pod does not create its session or segment, and appending to a session does not create
/// a pod ([L3](crate::contract#l3)). Deleting a session does not delete the pods that point to the
/// session.
pub trait PodStore: Send + Sync {
    /// Creates the pod or replaces it as a whole.
    ///
    /// Readers, and a process that starts after a crash, see the old pod or the new one
    /// ([P1](crate::contract#p1)).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`], and nothing is changed.
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError>;

    /// Returns the pod of this name, or `None` if the pod does not exist.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] with the name in its message if the stored text is not a pod.
    /// - [`StoreError::Io`] or [`StoreError::Backend`] if the storage cannot be read.
    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError>;

    /// Returns the names of all pods, sorted by their bytes.
    ///
    /// The list is empty if there are no pods ([P2](crate::contract#p2)).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn list_pods(&self) -> Result<Vec<PodName>, StoreError>;

    /// Deletes the pod of this name. Returns whether the pod existed.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`], and nothing is changed.
    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError>;

    /// Puts the pod if the stored pod equals `expected` byte for byte.
    ///
    /// `None` expects that the pod does not exist. The comparison and the put are one step: of
    /// several writers that expect the same pod, exactly one succeeds ([P4](crate::contract#p4)).
    ///
    /// # Errors
    /// - [`StoreError::PodConflict`] if the stored pod differs from `expected`. Nothing is changed
    ///   then.
    /// - [`StoreError::Unsupported`] if the store does not have [`Capability::ConditionalPut`].
    /// - The errors of [`put_pod`](Self::put_pod).
    fn put_pod_if(
        &self,
        _name: &PodName,
        _expected: Option<&Pod>,
        _pod: &Pod,
    ) -> Result<(), StoreError> {
        let (operation, capability) = ("put_pod_if", Capability::ConditionalPut);
        Err(StoreError::Unsupported { operation, capability })
    }
}

/// Further methods of every pod store. Import the trait to call them.
pub trait PodStoreExt: PodStore {
    /// Replaces the pod by the result of `update`, and returns that result.
    ///
    /// `update` receives the stored pod. If another writer changes the pod before the put, the new
    /// pod is read, and `update` is called again. So if another writer changes the pod, `update`
    /// always receives the changed pod before the put. If the result of `update` equals the stored
    /// pod, nothing is written.
    ///
    /// # Errors
    /// The errors of `update`, of [`PodStore::read_pod`] and of [`PodStore::put_pod_if`], except
    /// [`StoreError::PodConflict`].
    fn update_pod<E: From<StoreError>>(
        &self,
        name: &PodName,
        mut update: impl FnMut(Option<&Pod>) -> Result<Pod, E>,
    ) -> Result<Pod, E> {
        // The loop needs no limit: every conflict means that the put of another writer has
        // succeeded, so the writers together make progress.
        loop {
            let stored = self.read_pod(name)?;
            let updated = update(stored.as_ref())?;
            if stored.as_ref() == Some(&updated) {
                return Ok(updated);
            }
            match self.put_pod_if(name, stored.as_ref(), &updated) {
                Ok(()) => return Ok(updated),
                Err(StoreError::PodConflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<P: PodStore + ?Sized> PodStoreExt for P {}
