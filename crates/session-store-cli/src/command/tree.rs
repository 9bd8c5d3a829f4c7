//! `tree`: how the segments of a session come from each other, read from their first entries alone.

use std::collections::BTreeMap;

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, Store};
use session_store_agent::{Lineage, SegmentNode, SessionTree};

use crate::args::TreeArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure, chain};
use crate::output::Output;
use crate::store::open;

pub(crate) fn run(args: &TreeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    if let Some(session_id) = args.session {
        let tree = read(&store, session_id)?;
        if tree.nodes().next().is_none() {
            let operation = format!("draw session {session_id}");
            return Err(Failure::cannot(operation, format!("it is not in {}", store.url())));
        }
        return Ok(Exit::done_if(show(&tree, out)?));
    }
    let sessions =
        store.list_sessions().context(|| format!("list the sessions of {}", store.url()))?;
    let mut is_whole = true;
    for session_id in sessions {
        match read(&store, session_id) {
            Ok(tree) => is_whole &= show(&tree, out)?,
            Err(failure) => {
                failure.report();
                is_whole = false;
            }
        }
    }
    Ok(Exit::done_if(is_whole))
}

fn read(store: &OpenStore, session_id: SessionId) -> Result<SessionTree, Failure> {
    let tree = SessionTree::read(store, session_id);
    tree.context(|| format!("read the tree of session {session_id} in {}", store.url()))
}

/// Whether every first entry could be read.
fn show(tree: &SessionTree, out: &mut Output) -> Result<bool, Failure> {
    // A session without segments was deleted since it was listed.
    if !out.is_json() && tree.nodes().next().is_some() {
        out.line(format_args!("session {}", tree.session_id()))?;
    }
    let mut is_whole = true;
    for branch in Walk::through(tree) {
        is_whole &= branch.node.damage.is_none();
        if out.is_json() {
            out.json_line(&Node::of(tree, branch.node))?;
        } else {
            out.line(branch.line())?;
        }
    }
    Ok(is_whole)
}

/// A segment, for programs. Its lineage is the field that its first entry has.
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
            damage: node.damage.as_ref().map(|damage| chain(damage)),
        }
    }
}

/// A segment, and where its line begins.
struct Branch<'a> {
    node: &'a SegmentNode,
    indent: String,
    is_last: bool,
}

impl Branch<'_> {
    fn line(&self) -> String {
        let Self { node, indent, is_last } = self;
        let elbow = if *is_last { "└── " } else { "├── " };
        let damage = node.damage.as_ref().map(|damage| format!(": {}", chain(damage)));
        format!("{indent}{elbow}{node}{}", damage.unwrap_or_default())
    }

    fn indent_below(&self) -> String {
        let indent = if self.is_last { "    " } else { "│   " };
        format!("{}{indent}", self.indent)
    }
}

/// Iterator over a tree, each segment before those that come from it. It keeps a stack of its own: a chain of
/// forks may be longer than the call stack is deep.
struct Walk<'a> {
    hanging: BTreeMap<Option<SegmentId>, Vec<&'a SegmentNode>>,
    open: Vec<Branch<'a>>,
}

impl<'a> Walk<'a> {
    fn through(tree: &'a SessionTree) -> Self {
        let mut hanging = BTreeMap::<_, Vec<_>>::new();
        for node in tree.nodes() {
            hanging.entry(node.parent).or_default().push(node);
        }
        let mut walk = Self { hanging, open: Vec::new() };
        walk.open_below(None, "");
        walk
    }

    fn open_below(&mut self, parent: Option<SegmentId>, indent: &str) {
        let hanging = self.hanging.remove(&parent).unwrap_or_default();
        let branches = hanging.into_iter().rev().enumerate().map(|(after, node)| Branch {
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
