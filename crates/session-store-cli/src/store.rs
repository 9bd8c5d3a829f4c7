//! Opens stores, and has the operations on a whole store that several commands need.

use session_store::{Capability, OpenError, OpenStore, SegmentId, SessionId, Store, StoreUrl};
use session_store_agent::is_claims_session;

use crate::failure::{Context, Failure, is_missing};
use crate::message::note;

/// Opens an existing store, and prints the warnings of its backend.
pub(crate) fn open(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    url.open().inspect(print_warnings)
}

/// Opens a store to write to, and prints the warnings of its backend. A missing store is created.
pub(crate) fn open_or_create(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    url.open_or_create().inspect(print_warnings)
}

/// Changes a store. Then makes the changes durable, if the store supports syncs.
///
/// Every command that changes a store uses this function. After a command has succeeded, the user
/// may delete the source of the data. A power cut after that must not lose the data in the store.
///
/// The sync also runs after a failed change, because the command may have reported a part of the
/// change as stored.
pub(crate) fn change<T>(
    store: &OpenStore,
    change: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let changed = change();
    let is_syncable = store.capabilities().has(Capability::DurableSync);
    let synced = if is_syncable { store.sync() } else { Ok(()) };
    let synced = synced.context(|| format!("sync the changes of {}", store.url()));
    match (changed, synced) {
        (Err(failure), Err(sync_failure)) => {
            sync_failure.report();
            Err(failure)
        }
        (changed, synced) => changed.and_then(|value| synced.map(|()| value)),
    }
}

fn print_warnings(store: &OpenStore) {
    for warning in store.warnings() {
        note(&format!("{}: warning: {warning}", store.url()));
    }
}

/// Opens a store. If the store does not exist, opens an empty store in memory, so that nothing is
/// created.
pub(crate) fn open_or_empty(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    open(url).or_else(
        |error| {
            if is_missing(&error) { StoreUrl::memory().open() } else { Err(error) }
        },
    )
}

/// Returns a function that opens the store again. A new handle reads the stored data, because it
/// has not cached anything.
///
/// A store in memory is deleted with its last handle and cannot be opened again. For such a store,
/// the function returns a clone of the given handle.
pub(crate) fn reopener(store: &OpenStore) -> impl FnOnce() -> Result<OpenStore, OpenError> + use<> {
    let url = store.url().clone();
    let is_persistent = store.capabilities().has(Capability::Persistent);
    let in_memory = (!is_persistent).then(|| store.clone());
    move || in_memory.map_or_else(|| url.open(), Ok)
}

/// Returns the ids of all sessions.
pub(crate) fn list_sessions(store: &OpenStore) -> Result<Vec<SessionId>, Failure> {
    store.list_sessions().context(|| format!("list the sessions of {}", store.url()))
}

/// Returns the ids of the sessions to show.
///
/// Leaves out the session in which older versions of the agent crate recorded the first use of each
/// pod name, because it does not contain a conversation.
pub(crate) fn list_conversations(store: &OpenStore) -> Result<Vec<SessionId>, Failure> {
    let mut sessions = list_sessions(store)?;
    sessions.retain(|session_id| !is_claims_session(*session_id));
    Ok(sessions)
}

/// Returns the ids of the segments of a session.
pub(crate) fn list_segments(
    store: &OpenStore,
    session_id: SessionId,
) -> Result<Vec<SegmentId>, Failure> {
    let listed = store.list_segments(session_id);
    listed.context(|| format!("list the segments of session {session_id} in {}", store.url()))
}

/// Creates the error for a session that the store does not contain.
pub(crate) fn unknown_session(store: &OpenStore, session_id: SessionId) -> Failure {
    let operation = format!("find session {session_id} in {}", store.url());
    Failure::not_found(operation, "the store does not contain it")
}
