//! `tree`: prints the segments of each session as a tree.

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SegmentKey, SessionId, error_chain};
use session_store_agent::{Lineage, SegmentNode};

use crate::args::TreeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::forest::{Forest, Indent, Item, read_tree};
use crate::output::Output;
use crate::store::{list_conversations, open, unknown_session};
use crate::title::read_title;

pub(crate) fn run(args: &TreeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    if let Some(session) = &args.session {
        let session_id = session.resolve(&store)?;
        let tree = read_tree(&store, session_id)?;
        if tree.nodes().next().is_none() {
            return Err(unknown_session(&store, session_id));
        }
        return Ok(Exit::done_if(show(&store, &Forest::new(vec![tree]), out)?));
    }
    let (mut trees, mut is_sound) = (Vec::new(), true);
    for session_id in list_conversations(&store)? {
        match read_tree(&store, session_id) {
            Ok(tree) => trees.push(tree),
            Err(failure) => {
                failure.report();
                is_sound = false;
            }
        }
    }
    is_sound &= show(&store, &Forest::new(trees), out)?;
    Ok(Exit::done_if(is_sound))
}

/// Prints the trees. Returns whether every first entry was readable.
fn show(store: &OpenStore, forest: &Forest, out: &mut Output) -> Result<bool, Failure> {
    let (mut is_sound, mut indent) = (true, Indent::default());
    for visit in forest.depth_first() {
        let Item::Segment(session_id, node) = visit.item else {
            if !out.is_json() {
                out.line(format_args!("{}{}", indent.before(&visit), visit.item))?;
            }
            continue;
        };
        is_sound &= node.damage.is_none();
        let key = SegmentKey::new(session_id, node.segment_id);
        let title = node.damage.is_none().then(|| read_title(store, key)).flatten();
        if out.is_json() {
            out.json_line(&Node::of(key, node, title))?;
        } else {
            let damage = node.damage.as_ref().map(|damage| format!(": {}", error_chain(damage)));
            let title = title.map(|title| format!("  {title}"));
            let rest = damage.or(title).unwrap_or_default();
            // The tree shows an origin that is in it.
            let is_shown = node.parent.is_some() || forest.is_joined(session_id);
            let origin = node.recorded_origin.filter(|_| !is_shown);
            let origin = origin.map(|origin| format!(", from {origin}")).unwrap_or_default();
            out.line(format_args!("{}{node}{origin}{rest}", indent.before(&visit)))?;
        }
    }
    Ok(is_sound)
}

/// The JSON of a segment. The lineage is written as the field `forked_from` or `compacted_from`. An
/// origin that an import recorded is the field `origin`.
#[derive(Serialize)]
struct Node {
    session_id: SessionId,
    segment_id: SegmentId,
    parent: Option<SegmentId>,
    entries: Option<usize>,
    #[serde(flatten)]
    lineage: Option<Lineage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<SegmentKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

impl Node {
    fn of(key: SegmentKey, node: &SegmentNode, title: Option<String>) -> Self {
        Self {
            session_id: key.session_id,
            segment_id: node.segment_id,
            parent: node.parent,
            entries: node.entries,
            lineage: node.lineage,
            origin: node.recorded_origin,
            title,
            damage: node.damage.as_ref().map(|damage| error_chain(damage)),
        }
    }
}
