//! `tree`: prints the segments of each session as a tree. Only the first entry of each segment is
//! read, because it names the segment from which the segment was forked.

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, error_chain};
use session_store_agent::{Lineage, SegmentNode, SessionTree, Visit};

use crate::args::TreeArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{list_conversations, open, unknown_session};

pub(crate) fn run(args: &TreeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    if let Some(session) = &args.session {
        let session_id = session.resolve(&store)?;
        let tree = read(&store, session_id)?;
        if tree.nodes().next().is_none() {
            return Err(unknown_session(&store, session_id));
        }
        return Ok(Exit::done_if(show(&tree, out)?));
    }
    let mut is_sound = true;
    for session_id in list_conversations(&store)? {
        match read(&store, session_id) {
            Ok(tree) => is_sound &= show(&tree, out)?,
            Err(failure) => {
                failure.report();
                is_sound = false;
            }
        }
    }
    Ok(Exit::done_if(is_sound))
}

fn read(store: &OpenStore, session_id: SessionId) -> Result<SessionTree, Failure> {
    let tree = SessionTree::read(store, session_id);
    tree.context(|| format!("read the tree of session {session_id} in {}", store.url()))
}

/// Prints a tree. Returns whether every first entry was readable.
fn show(tree: &SessionTree, out: &mut Output) -> Result<bool, Failure> {
    // If the tree has no segments, the session was deleted after the listing.
    if !out.is_json() && tree.nodes().next().is_some() {
        out.line(format_args!("session {}", tree.session_id()))?;
    }
    let (mut is_sound, mut indent) = (true, Indent::default());
    for visit in tree.depth_first() {
        is_sound &= visit.node.damage.is_none();
        if out.is_json() {
            out.json_line(&Node::of(tree, visit.node))?;
        } else {
            out.line(indent.line(visit))?;
        }
    }
    Ok(is_sound)
}

/// The JSON of a segment. The lineage is written as the field `forked_from` or `compacted_from`.
#[derive(Serialize)]
struct Node {
    session_id: SessionId,
    segment_id: SegmentId,
    parent: Option<SegmentId>,
    entries: Option<usize>,
    #[serde(flatten)]
    lineage: Option<Lineage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

impl Node {
    fn of(tree: &SessionTree, node: &SegmentNode) -> Self {
        Self {
            session_id: tree.session_id(),
            segment_id: node.segment_id,
            parent: node.parent,
            entries: node.entries,
            lineage: node.lineage,
            damage: node.damage.as_ref().map(|damage| error_chain(damage)),
        }
    }
}

/// The indentation of the lines of a tree.
#[derive(Default)]
struct Indent {
    /// For each ancestor of the current segment, whether the ancestor is the last child.
    last: Vec<bool>,
}

impl Indent {
    /// Returns the line of a segment.
    fn line(&mut self, Visit { node, depth, is_last, .. }: Visit<'_>) -> String {
        self.last.truncate(depth);
        let indent: String =
            self.last.iter().map(|is_last| if *is_last { "    " } else { "│   " }).collect();
        self.last.push(is_last);
        let branch = if is_last { "└── " } else { "├── " };
        let damage = node.damage.as_ref().map(|damage| format!(": {}", error_chain(damage)));
        format!("{indent}{branch}{node}{}", damage.unwrap_or_default())
    }
}
