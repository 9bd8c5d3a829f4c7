//! `Forest`: the trees of several sessions, joined where a session begins at a segment of another
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use session_store::{OpenStore, SegmentKey, SessionId};
use session_store_agent::{SegmentNode, SessionTree};
use session_store_import::imported_origin;

use crate::failure::{Context, Failure};

/// Reads the tree of a session. The origins that an import recorded are included.
pub(crate) fn read_tree(store: &OpenStore, session_id: SessionId) -> Result<SessionTree, Failure> {
    let origin = |key| Ok(imported_origin(store, key)?.map(|origin| origin.key));
    let tree = SessionTree::read_with(store, session_id, origin);
    tree.context(|| format!("read the tree of session {session_id} in {}", store.url()))
}

/// The trees of several sessions.
pub(crate) struct Forest {
    trees: Vec<SessionTree>,
    /// The segments at which sessions begin.
    joints: BTreeMap<SessionId, SegmentKey>,
}

/// A session or a segment.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Session(SessionId),
    Segment(SessionId, &'a SegmentNode),
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(session_id) => write!(f, "session {session_id}"),
            Self::Segment(_, node) => node.fmt(f),
        }
    }
}

/// The place of an item in a depth-first walk.
pub(crate) struct Visit<'a> {
    pub(crate) item: Item<'a>,
    /// The number of items above it: 0 for a session at the top.
    pub(crate) depth: usize,
    /// Whether it is the last child of its parent.
    pub(crate) is_last: bool,
}

/// The parent of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Parent {
    Session(SessionId),
    Segment(SegmentKey),
}

impl Forest {
    /// Joins trees. A tree without segments is left out: its session was deleted after it was
    /// listed.
    pub(crate) fn new(mut trees: Vec<SessionTree>) -> Self {
        trees.retain(|tree| tree.nodes().next().is_some());
        let keys = trees.iter().flat_map(|tree| {
            tree.nodes().map(|node| SegmentKey::new(tree.session_id(), node.segment_id))
        });
        let stored: BTreeSet<_> = keys.collect();
        let joint = |tree: &SessionTree| {
            let session_id = tree.session_id();
            let is_joint = |key: &SegmentKey| key.session_id != session_id && stored.contains(key);
            let key = tree.roots().find_map(|root| root.recorded_origin.filter(is_joint))?;
            Some((session_id, key))
        };
        let joints = trees.iter().filter_map(joint).collect();
        Self { trees, joints }
    }

    /// Returns whether a session begins at a segment of another session in the forest.
    pub(crate) fn is_joined(&self, session_id: SessionId) -> bool {
        self.joints.contains_key(&session_id)
    }

    /// Returns all sessions and segments. A session comes before its segments. A segment comes
    /// before the segments and the sessions that begin at it. Otherwise the order is that of the
    /// trees.
    ///
    /// The walk has a stack of its own instead of recursion, because a chain of forks can be longer
    /// than the call stack is deep.
    pub(crate) fn depth_first(&self) -> Vec<Visit<'_>> {
        let children = self.children();
        let is_joined = |tree: &&SessionTree| self.is_joined(tree.session_id());
        let (joined, top): (Vec<_>, Vec<_>) = self.trees.iter().partition(is_joined);
        let (mut visits, mut reached) = (Vec::new(), BTreeSet::new());
        // First come the sessions at the top, which lead to all others. The rest are sessions that
        // begin at each other in a circle.
        for tree in top.into_iter().chain(joined) {
            let item = Item::Session(tree.session_id());
            let mut open = vec![Visit { item, depth: 0, is_last: true }];
            while let Some(visit) = open.pop() {
                let parent = match visit.item {
                    Item::Session(session_id) if reached.insert(session_id) => {
                        Parent::Session(session_id)
                    }
                    Item::Session(_) => continue,
                    Item::Segment(session_id, node) => {
                        Parent::Segment(SegmentKey::new(session_id, node.segment_id))
                    }
                };
                let items = children.get(&parent).into_iter().flatten().rev().enumerate();
                let depth = visit.depth + 1;
                open.extend(items.map(|(n, &item)| Visit { item, depth, is_last: n == 0 }));
                visits.push(visit);
            }
        }
        visits
    }

    fn children(&self) -> BTreeMap<Parent, Vec<Item<'_>>> {
        let mut children = BTreeMap::<_, Vec<_>>::new();
        for tree in &self.trees {
            let session_id = tree.session_id();
            for node in tree.nodes() {
                let parent = node.parent.map_or(Parent::Session(session_id), |segment_id| {
                    Parent::Segment(SegmentKey { session_id, segment_id })
                });
                children.entry(parent).or_default().push(Item::Segment(session_id, node));
            }
        }
        for tree in &self.trees {
            let session_id = tree.session_id();
            if let Some(&key) = self.joints.get(&session_id) {
                let session = Item::Session(session_id);
                children.entry(Parent::Segment(key)).or_default().push(session);
            }
        }
        children
    }
}

/// The lines of a drawn tree before its items.
#[derive(Default)]
pub(crate) struct Indent {
    /// For each ancestor of the current item, whether the ancestor is the last child.
    last: Vec<bool>,
}

impl Indent {
    /// Returns the lines before an item. An item at the top is not indented.
    pub(crate) fn before(&mut self, visit: &Visit<'_>) -> String {
        let Some(depth) = visit.depth.checked_sub(1) else { return String::new() };
        self.last.truncate(depth);
        let indent: String =
            self.last.iter().map(|is_last| if *is_last { "    " } else { "│   " }).collect();
        self.last.push(visit.is_last);
        indent + if visit.is_last { "└── " } else { "├── " }
    }
}
