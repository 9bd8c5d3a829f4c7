//! `tree`: prints the segments of each session as a tree. Only first entries are read.

use std::collections::BTreeMap;

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, error_chain};
use session_store_agent::{Lineage, SegmentNode, SessionTree};

use crate::args::TreeArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{list_conversations, open, unknown_session};

pub(crate) fn run(args: &TreeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    if let Some(session_id) = args.session {
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
    // A session without segments was deleted after the listing.
    if !out.is_json() && tree.nodes().next().is_some() {
        out.line(format_args!("session {}", tree.session_id()))?;
    }
    let mut is_sound = true;
    for branch in Walk::through(tree) {
        is_sound &= branch.node.damage.is_none();
        if out.is_json() {
            out.json_line(&Node::of(tree, branch.node))?;
        } else {
            out.line(branch.line())?;
        }
    }
    Ok(is_sound)
}

/// The JSON of a segment. Its lineage is the field of its first entry.
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

/// A segment, and the indentation of its line.
struct Branch<'a> {
    node: &'a SegmentNode,
    indent: String,
    is_last: bool,
}

impl Branch<'_> {
    fn line(&self) -> String {
        let Self { node, indent, is_last } = self;
        let branch = if *is_last { "└── " } else { "├── " };
        let damage = node.damage.as_ref().map(|damage| format!(": {}", error_chain(damage)));
        format!("{indent}{branch}{node}{}", damage.unwrap_or_default())
    }

    fn indent_below(&self) -> String {
        let indent = if self.is_last { "    " } else { "│   " };
        format!("{}{indent}", self.indent)
    }
}

/// Iterates over a tree. A segment comes before its children.
///
/// The iterator has a stack of its own instead of recursion, because a chain of forks can be longer
/// than the call stack is deep.
struct Walk<'a> {
    children: BTreeMap<Option<SegmentId>, Vec<&'a SegmentNode>>,
    open: Vec<Branch<'a>>,
}

impl<'a> Walk<'a> {
    fn through(tree: &'a SessionTree) -> Self {
        let mut children = BTreeMap::<_, Vec<_>>::new();
        for node in tree.nodes() {
            children.entry(node.parent).or_default().push(node);
        }
        let mut walk = Self { children, open: Vec::new() };
        walk.open_below(None, "");
        walk
    }

    fn open_below(&mut self, parent: Option<SegmentId>, indent: &str) {
        let children = self.children.remove(&parent).unwrap_or_default();
        let branches = children.into_iter().rev().enumerate().map(|(after, node)| Branch {
            node,
            indent: indent.to_owned(),
            is_last: after == 0,
        });
        self.open.extend(branches);
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Branch<'a>;

    fn next(&mut self) -> Option<Branch<'a>> {
        let branch = self.open.pop()?;
        self.open_below(Some(branch.node.segment_id), &branch.indent_below());
        Some(branch)
    }
}
