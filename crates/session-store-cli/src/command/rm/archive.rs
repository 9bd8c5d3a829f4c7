//! `rm --archive`: saves the sessions to a backup file before they are deleted.

use std::fs::File;
use std::path::Path;

use session_store::OpenStore;
use session_store_migrate::backup::{self, Backup};
use session_store_migrate::{Migration, Progress, Selection};

use super::{Deletion, heads_of};
use crate::backup::Contents;
use crate::failure::{Context, Failure, ok_or_report};
use crate::listing::read_session;
use crate::message::note;
use crate::new_file::{self, IfExists, NewFile};
use crate::output::Output;
use crate::progress::Bar;

/// In `rm`, `--force` has another meaning, so it cannot replace the file.
const KEEP: IfExists = IfExists::Keep { advice: "delete it or choose another name" };

/// Fails if [`write`] would refuse the path.
pub(super) fn check_path(path: &Path) -> Result<(), Failure> {
    new_file::check_path(path, KEEP)
}

/// Writes the sessions to a backup file, reads the file back and compares it with the store.
///
/// After an error, the caller must not delete anything. If another program writes to a session
/// meanwhile, the session differs from the file, which is an error too. If it writes after the
/// comparison, the session has other heads than its deletion, and is kept.
pub(super) fn write(
    path: &Path,
    deletions: &mut [Deletion],
    store: &OpenStore,
    out: &mut Output,
) -> Result<(), Failure> {
    let operation = || format!("archive {} to {}", store.url(), path.display());
    let unread = || Failure::cannot(operation(), "a part cannot be read; nothing was deleted");
    // Read the heads before the file is written. An entry that the file lacks is then newer than
    // the heads.
    for deletion in deletions.iter_mut().filter(|deletion| deletion.heads.is_none()) {
        let heads = ok_or_report(heads_of(read_session(store, deletion.session_id)));
        deletion.heads = Some(heads.ok_or_else(unread)?);
    }
    let mut selection = Selection::default();
    selection.sessions = Some(deletions.iter().map(|deletion| deletion.session_id).collect());
    selection.pods = false;
    let mut bar = Bar::new();
    let file = NewFile::create(path, KEEP)?;
    file.remove_on_signal();
    let exported =
        backup::export(store, &selection, file.writer(), &mut |event| bar.show_event(&event));
    if !exported.context(operation)?.is_complete() {
        return Err(unread());
    }
    file.finish()?;
    let file = File::open(path).context(operation)?;
    let mut show = |event: Progress<'_>| bar.show_event(&event);
    let archive = Backup::open(file, &mut show).context(operation)?;
    let compared = Migration::new(&archive, store).select(selection).progress(show).verify();
    let mut compared = compared.context(operation)?;
    drop(bar);
    compared.names = ["the archive", "the store"].map(str::to_owned);
    if let Some(difference) = compared.differences().next() {
        let cause = format!("{difference}; nothing was deleted");
        return Err(Failure::cannot(operation(), cause));
    }
    let contents = Contents::of(archive.manifest());
    if !out.is_json() {
        note(&format!("{}: {contents}", path.display()));
    }
    Ok(())
}
