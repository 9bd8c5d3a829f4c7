//! `pods`: lists, prints, writes and deletes pods.
//!
//! A pod is a named agent. It is stored as a JSON object with a pointer: the id of the agent's
//! active session, and possibly of its active segment.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde_json::value::RawValue;
use session_store::{OpenStore, Pod, PodName, PodStore, SegmentId, SessionId, Store};

use crate::args::{PodArgs, PodsCommand, PodsLsArgs, PodsPutArgs, PodsRmArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::input;
use crate::output::Output;
use crate::reference::Reference;
use crate::store::{change, open, open_to_change, open_to_write};
use crate::table::{Row, Table, cell, cell_or_dash};

/// The maximum size in bytes of a file with a pod.
const MAX_POD: u64 = 256 * 1024 * 1024;

pub(crate) fn run(command: &PodsCommand, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        PodsCommand::Ls(args) => list(args, out),
        PodsCommand::Show(args) => show(args, out),
        PodsCommand::Put(args) => put(args),
        PodsCommand::Rm(args) => remove(args, out),
    }
}

/// A pod, and the session and segment that it points to. Both ids are `None` if the stored pod
/// cannot be read.
#[derive(Serialize)]
struct PodRow {
    name: String,
    session_id: Option<SessionId>,
    segment_id: Option<SegmentId>,
    /// The whole pod as stored. `None` if it cannot be read.
    pod: Option<Box<RawValue>>,
}

impl PodRow {
    fn new(name: &PodName, pod: Option<&Pod>) -> Self {
        let active = pod.and_then(Pod::active);
        let session_id = active.map(|active| active.session_id);
        let segment_id = active.and_then(|active| active.segment_id);
        // A stored pod is one JSON object.
        let pod = pod.and_then(|pod| RawValue::from_string(pod.as_json().to_owned()).ok());
        Self { name: name.to_string(), session_id, segment_id, pod }
    }
}

impl Row for PodRow {
    const HEADER: &'static [&'static str] = &["POD", "SESSION", "SEGMENT"];

    fn cells(&self) -> Vec<String> {
        // A pod without a pointer has a dash in both columns. A pod that cannot be read has a
        // question mark as its session, to show that its pointer is unknown.
        let session_cell = if self.pod.is_some() { cell_or_dash } else { cell };
        vec![self.name.clone(), session_cell(self.session_id), cell_or_dash(self.segment_id)]
    }
}

fn list(args: &PodsLsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let pods = pods_of(&store)?;
    let names = pods.list_pods().context(|| format!("list the pods of {}", store.url()))?;
    let mut table = Table::new(out);
    for name in names {
        match pods.read_pod(&name).context(|| format!("read pod {name} from {}", store.url())) {
            // The pod was deleted after the listing.
            Ok(None) => {}
            Ok(Some(pod)) => table.row(&PodRow::new(&name, Some(&pod)))?,
            Err(failure) => {
                failure.report();
                table.row(&PodRow::new(&name, None))?;
            }
        }
    }
    table.finish()
}

fn show(args: &PodArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let operation = || format!("read pod {} from {}", args.name, store.url());
    match pods_of(&store)?.read_pod(&args.name).context(operation)? {
        Some(pod) => out.line(pod.as_json())?,
        None => return Err(missing(operation())),
    }
    Ok(Exit::Done)
}

fn put(args: &PodsPutArgs) -> Result<Exit, Failure> {
    let given = args.file.as_deref().map(read_pod).transpose()?;
    let PodsPutArgs { session, segment, .. } = args;
    let are_ids = session.as_ref().is_none_or(Reference::is_id)
        && segment.as_ref().is_none_or(Reference::is_id);
    let store = open_to_change(&args.store, are_ids)?;
    let pod = match (given, session) {
        (Some(pod), _) => pod,
        (None, session) => {
            let session = session.as_ref().expect("the parser requires FILE or --session");
            let segment = segment.as_ref().map(|segment| segment.resolve(Some(session), &store));
            let segment_id = segment.transpose()?.map(|key| key.segment_id);
            Pod::new(session.resolve(&store)?, segment_id)
        }
    };
    let pods = pods_of(&store)?;
    change(&store, || {
        let stored = pods.put_pod(&args.name, &pod);
        stored.context(|| format!("write pod {} to {}", args.name, store.url()))
    })?;
    Ok(Exit::Done)
}

fn read_pod(file: &Path) -> Result<Pod, Failure> {
    let mut text = String::new();
    let source = input::Source::open(file)?;
    let read = source.reader.take(MAX_POD + 1).read_to_string(&mut text);
    if read.context(|| format!("read {}", source.name))? as u64 > MAX_POD {
        let cause = format!("the input has more than {MAX_POD} bytes");
        return Err(Failure::cannot(format!("read {} as a pod", source.name), cause));
    }
    Pod::from_json(text).context(|| format!("read {} as a pod", source.name))
}

/// A pod to delete. It is printed after the deletion.
#[derive(Serialize)]
struct PodDeletion<'a> {
    name: &'a PodName,
}

impl fmt::Display for PodDeletion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}", self.name)
    }
}

fn remove(args: &PodsRmArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open_to_write(&args.store)?;
    let pods = pods_of(&store)?;
    let stored = pods.list_pods().context(|| format!("list the pods of {}", store.url()))?;
    let operation = |what: &dyn fmt::Display| format!("delete {what} from {}", store.url());
    if let Some(name) = args.names.iter().find(|name| !stored.contains(name)) {
        return Err(missing(operation(&PodDeletion { name })));
    }
    let names: BTreeSet<_> = args.names.iter().collect();
    let deletions: Vec<_> = names.into_iter().map(|name| PodDeletion { name }).collect();
    if args.dry_run {
        for deletion in &deletions {
            out.report(deletion, [format_args!("would delete {deletion}")])?;
        }
        return Ok(Exit::Done);
    }
    let question = match &deletions[..] {
        [deletion] => operation(deletion),
        _ => operation(&format_args!("{} pods", deletions.len())),
    };
    if !args.confirm.confirm(&question, &deletions)? {
        return Ok(Exit::No);
    }
    change(&store, || {
        for deletion in &deletions {
            if !pods.delete_pod(deletion.name).context(|| operation(deletion))? {
                return Err(missing(operation(deletion)));
            }
            out.report(deletion, [format_args!("deleted {deletion}")])?;
        }
        Ok(Exit::Done)
    })
}

/// Creates the error for a pod that the store does not contain.
fn missing(operation: String) -> Failure {
    Failure::not_found(operation, "the store does not contain it")
}

fn pods_of(store: &OpenStore) -> Result<&dyn PodStore, Failure> {
    store.pods().ok_or_else(|| {
        Failure::cannot(
            format!("use the pods of {}", store.url()),
            "this backend does not store pods",
        )
    })
}
