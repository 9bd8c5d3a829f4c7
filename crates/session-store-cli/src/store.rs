//! Opens stores, and has the operations on a whole store that several commands need.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use session_store::{Capability, OpenStore, SegmentId, SessionId, Store, StoreError, StoreUrl};
use session_store_agent::is_claims_session;
use session_store_migrate::backup::{Backup, is_compressed};

use crate::failure::{Context, Failure};
use crate::message::{Kind, note};
#[cfg(unix)]
use crate::signal::finish_database_at_end;

/// Opens an existing store to read. A backup file is opened as a store, too.
pub(crate) fn open(url: &StoreUrl) -> Result<OpenStore, Failure> {
    let Some(path) = backup_file(url) else {
        return url.open().map_err(|error| named_file(url, error.into()));
    };
    let operation = || format!("open {url}");
    let backup = Backup::view(File::open(path).context(operation)?).context(operation)?;
    Ok(OpenStore::wrap(backup, url.clone()))
}

/// Opens an existing store to write to, and prints the warnings of its backend.
pub(crate) fn open_to_write(url: &StoreUrl) -> Result<OpenStore, Failure> {
    require_writable(url)?;
    open(url).inspect(print_warnings)
}

/// Opens a store to write to, and prints the warnings of its backend. A missing store is created.
pub(crate) fn open_or_create(url: &StoreUrl) -> Result<OpenStore, Failure> {
    require_writable(url)?;
    Ok(url.open_or_create().inspect(print_warnings)?)
}

/// Creates a database that is filled under a temporary name, if the URL is a path of SQLite that
/// does not exist. Otherwise returns `None`.
///
/// The caller must not have handlers of signals, and must call [`finish_database`] after the last
/// change.
///
/// [`finish_database`]: crate::signal::finish_database
#[cfg(unix)]
pub(crate) fn create_in_bulk(url: &StoreUrl) -> Option<Result<OpenStore, Failure>> {
    use session_store::sqlite::BulkLoad;

    let path = url.path().filter(|_| url.to_string().starts_with("sqlite:"))?;
    let missing = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    missing.then(|| {
        let load = BulkLoad::create(path).context(|| format!("create {url}"))?;
        if load.has_replaced() {
            note(&format!("{url}: an earlier run was killed; its part of the copy is deleted"));
        }
        let store = OpenStore::wrap(load.store().clone(), url.clone());
        let operation = format!("finish {url}");
        finish_database_at_end(|| load.finish().context(|| operation));
        Ok(store)
    })
}

/// Other systems do not permit renaming an open file, so the database is created as usual.
#[cfg(not(unix))]
pub(crate) fn create_in_bulk(_: &StoreUrl) -> Option<Result<OpenStore, Failure>> {
    None
}

/// Opens a store to write to. A missing store is created if `may_create` is true.
pub(crate) fn open_to_change(url: &StoreUrl, may_create: bool) -> Result<OpenStore, Failure> {
    if may_create { open_or_create(url) } else { open_to_write(url) }
}

/// Returns an error that describes the file if the URL leads to a file of another kind.
fn named_file(url: &StoreUrl, failure: Failure) -> Failure {
    let is_file = matches!(
        failure.store_error(),
        Some(StoreError::Io(error)) if error.kind() == ErrorKind::NotADirectory
    );
    if !is_file {
        return failure;
    }
    let cause = "it is neither an SQLite database nor a backup of session-store";
    Failure::cannot(format!("open {url}"), cause).with_kind(Kind::NotAStore)
}

/// Returns the path of the URL if it leads to a backup. The first bytes of the file decide, and not
/// its name.
fn backup_file(url: &StoreUrl) -> Option<&Path> {
    url.path().filter(|path| path.is_file() && is_compressed(path).unwrap_or_default())
}

/// Returns whether the URL leads to a backup.
pub(crate) fn is_backup(url: &StoreUrl) -> bool {
    backup_file(url).is_some()
}

/// Returns an error if the URL leads to a backup.
fn require_writable(url: &StoreUrl) -> Result<(), Failure> {
    let Some(path) = backup_file(url) else { return Ok(()) };
    let cause = format!(
        "a backup can only be read; restore it to a store first: session-store restore {} STORE",
        path.display()
    );
    Err(Failure::cannot(format!("write to {url}"), cause).with_kind(Kind::Unsupported))
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

/// Prints the warnings of the backend, such as a server that does not keep changes after a crash.
/// The warnings are about changes, so commands that only read do not print them. `check` is the
/// exception.
pub(crate) fn print_warnings(store: &OpenStore) {
    for warning in store.warnings() {
        note(&format!("{}: warning: {warning}", store.url()));
    }
}

/// Opens a store. If the store does not exist, opens an empty store in memory, so that nothing is
/// created.
pub(crate) fn open_or_empty(url: &StoreUrl) -> Result<OpenStore, Failure> {
    open(url).or_else(|failure| match failure.store_error() {
        Some(StoreError::NoStore { .. }) => Ok(StoreUrl::memory().open()?),
        _ => Err(failure),
    })
}

/// Returns a function that opens the store again. A new handle reads the stored data, because it
/// has not cached anything.
///
/// A store in memory is deleted with its last handle and cannot be opened again. For such a store,
/// the function returns a clone of the given handle.
pub(crate) fn reopener(store: &OpenStore) -> impl FnOnce() -> Result<OpenStore, Failure> + use<> {
    let url = store.url().clone();
    let is_persistent = store.capabilities().has(Capability::Persistent);
    let in_memory = (!is_persistent).then(|| store.clone());
    move || in_memory.map_or_else(|| open(&url), Ok)
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
