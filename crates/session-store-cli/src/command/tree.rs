//! `tree`: prints the segments of each session as a tree.

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SegmentKey, SessionId, error_chain};
use session_store_agent::{Lineage, SegmentNode};

use crate::args::TreeArgs;
use crate::exit::Exit;
use crate::failure::{Failure, ok_or_report, report_cause};
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
        show(&store, &Forest::new(vec![tree]), out)?;
        return Ok(Exit::Done);
    }
    let sessions = list_conversations(&store)?.into_iter();
    let trees = sessions.filter_map(|id| ok_or_report(read_tree(&store, id))).collect();
    show(&store, &Forest::new(trees), out)?;
    Ok(Exit::Done)
}

/// Prints the trees.
fn show(store: &OpenStore, forest: &Forest, out: &mut Output) -> Result<(), Failure> {
    let mut indent = Indent::default();
    for visit in forest.depth_first() {
        let Item::Segment(session_id, node) = visit.item else {
            if !out.is_json() {
                out.line(format_args!("{}{}", indent.before(&visit), visit.item))?;
            }
            continue;
        };
        let key = SegmentKey::new(session_id, node.segment_id);
        let title = match &node.damage {
            None => read_title(store, key),
            Some(damage) => {
                let operation = format!("read the first entry of {key} from {}", store.url());
                report_cause(&operation, damage);
                None
            }
        };
        if out.is_json() {
            out.json_line(&Node::of(key, node, title))?;
        } else {
            let title = title.map(|title| format!("  {title}"));
            let damage = node.damage.is_some().then(|| "  ?".to_owned());
            let rest = damage.or(title).unwrap_or_default();
            // An origin that is itself in the tree is not printed again.
            let is_shown = node.parent.is_some() || forest.is_joined(session_id);
            let origin = node.recorded_origin.filter(|_| !is_shown);
            let origin = origin.map(|origin| format!(", from {origin}")).unwrap_or_default();
            out.line(format_args!("{}{node}{origin}{rest}", indent.before(&visit)))?;
        }
    }
    Ok(())
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
