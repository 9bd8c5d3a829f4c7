//! `rm`: deletes segments or whole sessions, after a confirmation.

mod archive;
mod choose;

use std::fmt;

use serde::Serialize;
use session_store::{Head, OpenStore, SegmentId, SegmentKey, SessionId, Store};

use super::ls::{LongRow, read_long_row};
use crate::args::RmArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::listing::{ListedSession, read_session};
use crate::message::Kind;
use crate::output::Output;
use crate::signal::explain_end;
use crate::store::{change, open_to_write};
use crate::text::plural;

/// A segment or a session to delete, which is printed after the deletion.
#[derive(Serialize)]
struct Deletion {
    session_id: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_id: Option<SegmentId>,
    segments: usize,
    /// The heads of all segments of the session, if the session is only deleted while it has them.
    #[serde(skip)]
    heads: Option<Heads>,
}

type Heads = Vec<(SegmentId, Head)>;

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, segment_id, segments, .. } = *self;
        if let Some(segment_id) = segment_id {
            return SegmentKey { session_id, segment_id }.fmt(f);
        }
        write!(f, "session {session_id} with {}", plural(segments, "segment", "segments"))
    }
}

impl Deletion {
    fn operation(&self, store: &OpenStore) -> String {
        format!("delete {self} from {}", store.url())
    }

    /// Deletes the segment or the session, which must exist.
    ///
    /// If the deletion has heads, fails and deletes nothing if the session has other heads now. No
    /// store has a conditional deletion. So an append between this comparison and the deletion is
    /// deleted, as an append is that overlaps a deletion.
    fn run(&self, store: &OpenStore) -> Result<(), Failure> {
        if let Some(heads) = &self.heads {
            let now = heads_of(read_session(store, self.session_id))?;
            // Deleting a session that does not exist any more has an error of its own.
            if !now.is_empty() && now != *heads {
                let cause = "another program has changed it meanwhile; it is kept";
                return Err(Failure::cannot(self.operation(store), cause).with_kind(Kind::Conflict));
            }
        }
        let deleted = match self.segment_id {
            Some(segment_id) => store.delete_segment(self.session_id, segment_id),
            None => store.delete_session(self.session_id),
        };
        if deleted.context(|| self.operation(store))? {
            return Ok(());
        }
        Err(Failure::not_found(self.operation(store), "it does not exist"))
    }
}

/// Returns the heads of all segments of a session.
fn heads_of(session: ListedSession) -> Result<Heads, Failure> {
    let segments = session.segments?.into_iter();
    segments.map(|segment| Ok((segment.key.segment_id, segment.info?.head))).collect()
}

/// A deletion of a dry run, with what `ls --long` prints.
#[derive(Serialize)]
struct Plan {
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_id: Option<SegmentId>,
    #[serde(flatten)]
    row: LongRow,
}

impl Plan {
    fn read(store: &OpenStore, deletion: &Deletion) -> Self {
        let Deletion { session_id, segment_id, .. } = *deletion;
        Self { segment_id, row: read_long_row(store, session_id, segment_id) }
    }
}

pub(crate) fn run(args: &RmArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open_to_write(&args.store)?;
    let mut deletions = choose::deletions(args, &store)?;
    if deletions.is_empty() {
        // With --json, each deletion is one object, so nothing is printed if there are no
        // deletions.
        if !out.is_json() {
            out.line("nothing to delete")?;
        }
        return Ok(Exit::Done);
    }
    if let Some(file) = &args.archive {
        archive::check_path(file)?;
    }
    if args.dry_run {
        for deletion in &deletions {
            let plan = Plan::read(&store, deletion);
            out.report(&plan, [format_args!("would delete {deletion}: {}", plan.row)])?;
        }
        return Ok(Exit::Done);
    }
    let operation = match &deletions[..] {
        [deletion] => deletion.operation(&store),
        _ => format!("delete {} sessions or segments from {}", deletions.len(), store.url()),
    };
    if !args.confirm.confirm(&operation, &deletions)? {
        return Ok(Exit::No);
    }
    explain_end("the printed deletions are done; run the same command again to delete the rest");
    if let Some(file) = &args.archive {
        archive::write(file, &mut deletions, &store, out)?;
    }
    change(&store, || delete_all(&deletions, &store, out))
}

/// Deletes one after the other. Reports a failed deletion, and continues with the others.
fn delete_all(
    deletions: &[Deletion],
    store: &OpenStore,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for deletion in deletions {
        match deletion.run(store) {
            Ok(()) => out.report(deletion, [format_args!("deleted {deletion}")])?,
            Err(failure) => {
                failure.report();
                // `Failed` takes precedence over `NotFound`, the status of a part that does not
                // exist.
                exit = if exit == Exit::Failed { exit } else { failure.exit() };
            }
        }
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use session_store::{LogEntry, StoreExt, open_or_create};

    use super::*;

    #[test]
    fn a_session_that_has_changed_is_kept() {
        let store = open_or_create("memory:").unwrap();
        let (session_id, entry) = (SessionId::new(), LogEntry::from_json("{}").unwrap());
        let heads = || heads_of(read_session(&store, session_id)).unwrap();
        let deletion = |heads| Deletion { session_id, segment_id: None, segments: 1, heads };
        let segment = store.segment(session_id, SegmentId::new());
        segment.append(&entry).unwrap();

        let before = heads();
        segment.append(&entry).unwrap();
        let kept = deletion(Some(before)).run(&store).unwrap_err();
        assert_eq!(kept.exit(), Exit::Failed);

        let before = heads();
        store.segment(session_id, SegmentId::new()).create(&[]).unwrap();
        deletion(Some(before)).run(&store).unwrap_err();
        assert_eq!(heads().len(), 2);

        deletion(Some(heads())).run(&store).unwrap();
        assert_eq!(deletion(Some(Vec::new())).run(&store).unwrap_err().exit(), Exit::NotFound);
    }
}
