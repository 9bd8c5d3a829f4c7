//! `SessionTree`: the fork tree of a session, read from the first entries of its segments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use session_store_core::{SegmentId, SegmentKey, SessionId, Store, StoreError};

use crate::lineage::Lineage;

/// The fork tree of a session.
///
/// The tree is read from the first entries of the segments. Every session has a tree, even if some
/// logs are damaged. A segment is a root if its first entry cannot be read or does not name an
/// origin in the session. If origins form a circle, the segment of the circle with the lowest id is
/// a root. `Display` draws the tree.
#[derive(Debug)]
pub struct SessionTree {
    session_id: SessionId,
    nodes: BTreeMap<SegmentId, SegmentNode>,
}

/// A segment in the tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentNode {
    /// The segment.
    pub segment_id: SegmentId,
    /// The lineage that the first entry of the segment contains.
    pub lineage: Option<Lineage>,
    /// The origin that the function `recorded_origin` of [`SessionTree::read_with`] returned. The
    /// function is only called if the first entry does not name an origin.
    pub recorded_origin: Option<SegmentKey>,
    /// The parent of the segment in the tree. `None` for a root.
    pub parent: Option<SegmentId>,
    /// The number of entries of the segment, if the segment could be read.
    pub entries: Option<usize>,
    /// The error, if the first entry of the segment could not be read.
    pub damage: Option<StoreError>,
}

impl SessionTree {
    /// Reads the tree of a session. The tree of an unknown session is empty.
    ///
    /// # Errors
    /// As [`Store::list_segments`] and [`Store::read_page`]. A damaged log does not cause an error
    /// of this function. The node of the log contains the error instead.
    pub fn read<S: Store + ?Sized>(store: &S, session_id: SessionId) -> Result<Self, StoreError> {
        Self::read_with(store, session_id, |_| Ok(None))
    }

    /// Reads the tree of a session. `recorded_origin` is called for each segment whose first entry
    /// does not name an origin. It returns an origin from elsewhere, for example from a trace. This
    /// origin can be in another session.
    ///
    /// # Errors
    /// As [`read`](Self::read), and the errors of `recorded_origin`.
    pub fn read_with<S: Store + ?Sized>(
        store: &S,
        session_id: SessionId,
        mut recorded_origin: impl FnMut(SegmentKey) -> Result<Option<SegmentKey>, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut nodes = BTreeMap::new();
        for segment_id in store.list_segments(session_id)? {
            if let Some(mut node) = SegmentNode::read(store, session_id, segment_id)? {
                if node.lineage.is_none() {
                    node.recorded_origin = recorded_origin((session_id, segment_id).into())?;
                }
                nodes.insert(segment_id, node);
            }
        }
        set_parents(session_id, &mut nodes);
        Ok(Self { session_id, nodes })
    }

    /// Returns the session.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// Returns the node of a segment.
    #[must_use]
    pub fn node(&self, segment_id: SegmentId) -> Option<&SegmentNode> {
        self.nodes.get(&segment_id)
    }

    /// Returns all segments by ascending id, which is the order of their creation.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.nodes.values()
    }

    /// Returns the segments without a parent.
    pub fn roots(&self) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.with_parent(None)
    }

    /// Returns the segments that have this parent.
    pub fn children(&self, segment_id: SegmentId) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.with_parent(Some(segment_id))
    }

    /// Iterates over all segments, depth first. A segment comes before its children. Siblings are
    /// in ascending order of their ids.
    #[must_use]
    pub fn depth_first(&self) -> DepthFirst<'_> {
        let mut children = BTreeMap::<_, Vec<_>>::new();
        for node in self.nodes() {
            children.entry(node.parent).or_default().push(node);
        }
        let mut walk = DepthFirst { children, open: Vec::new() };
        walk.open_children(None, 0);
        walk
    }

    fn with_parent(
        &self,
        parent: Option<SegmentId>,
    ) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.nodes().filter(move |node| node.parent == parent)
    }
}

/// The place of a segment in a [depth-first walk](SessionTree::depth_first).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Visit<'a> {
    /// The segment.
    pub node: &'a SegmentNode,
    /// The number of segments above this segment: 0 for a root.
    pub depth: usize,
    /// Whether the segment is the last child of its parent. For a root, whether it is the last
    /// root.
    pub is_last: bool,
}

/// An iterator over a tree, made by [`SessionTree::depth_first`].
///
/// The iterator does not use recursion, because a long chain of forks could then overflow the call
/// stack. The children are grouped by their parents once, so the whole walk takes linear time.
#[derive(Debug)]
pub struct DepthFirst<'a> {
    children: BTreeMap<Option<SegmentId>, Vec<&'a SegmentNode>>,
    open: Vec<Visit<'a>>,
}

impl DepthFirst<'_> {
    fn open_children(&mut self, parent: Option<SegmentId>, depth: usize) {
        let children = self.children.remove(&parent).unwrap_or_default();
        let visits = children.into_iter().rev().enumerate();
        self.open.extend(visits.map(|(after, node)| Visit { node, depth, is_last: after == 0 }));
    }
}

impl<'a> Iterator for DepthFirst<'a> {
    type Item = Visit<'a>;

    fn next(&mut self) -> Option<Visit<'a>> {
        let visit = self.open.pop()?;
        self.open_children(Some(visit.node.segment_id), visit.depth + 1);
        Some(visit)
    }
}

impl SegmentNode {
    /// Reads the first entry of a segment. Returns `None` if the segment was deleted after it was
    /// listed.
    fn read<S: Store + ?Sized>(
        store: &S,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Self>, StoreError> {
        let node = Self {
            segment_id,
            lineage: None,
            recorded_origin: None,
            parent: None,
            entries: None,
            damage: None,
        };
        // Even with a limit of 0 bytes, a page of a log that is not empty contains one entry.
        match store.read_page(session_id, segment_id, 0, 0) {
            Ok(page) => Ok(Some(Self {
                lineage: page.entries.first().and_then(Lineage::of),
                entries: Some(page.head.entries()),
                ..node
            })),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(damage @ StoreError::Corrupt { .. }) => {
                Ok(Some(Self { damage: Some(damage), ..node }))
            }
            Err(error) => Err(error),
        }
    }
}

/// Sets the parent of each segment to its origin, if the origin is in the session. Then removes a
/// parent from each circle.
fn set_parents(session_id: SessionId, nodes: &mut BTreeMap<SegmentId, SegmentNode>) {
    let recorded = |node: &SegmentNode| {
        let origin = node.recorded_origin.filter(|origin| origin.session_id == session_id);
        origin.map(|origin| origin.segment_id)
    };
    let origin = |node: &SegmentNode| {
        let named = node.lineage.map(|lineage| lineage.origin().segment_id);
        named.or_else(|| recorded(node))
    };
    let parents = nodes.values().map(|node| (node.segment_id, origin(node)));
    let mut parents: BTreeMap<_, _> =
        parents.filter_map(|(id, parent)| Some((id, parent?))).collect();
    parents.retain(|_, parent| nodes.contains_key(parent));
    break_circles(&mut parents);
    for node in nodes.values_mut() {
        node.parent = parents.get(&node.segment_id).copied();
    }
}

/// In each circle of parents, removes the parent of the lowest id.
fn break_circles<Id: Copy + Ord>(parents: &mut BTreeMap<Id, Id>) {
    // The ids for which the chain of parents is known to end at a root.
    let mut rooted = BTreeSet::new();
    for start in parents.keys().copied().collect::<Vec<_>>() {
        let (mut path, mut passed) = (vec![start], BTreeSet::from([start]));
        while let Some(&parent) = path.last().and_then(|last| parents.get(last)) {
            if rooted.contains(&parent) {
                break;
            }
            if !passed.insert(parent) {
                let circle = path.iter().skip_while(|id| **id != parent);
                if let Some(lowest) = circle.min() {
                    parents.remove(lowest);
                }
                break;
            }
            path.push(parent);
        }
        rooted.extend(path);
    }
}

impl fmt::Display for SessionTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "session {}", self.session_id)?;
        self.depth_first()
            .try_for_each(|Visit { node, depth, .. }| writeln!(f, "{:1$}{node}", "", 2 * depth + 2))
    }
}

impl fmt::Display for SegmentNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.segment_id)?;
        match self.entries {
            Some(1) => write!(f, "  1 entry")?,
            Some(entries) => write!(f, "  {entries} entries")?,
            None => write!(f, "  damaged")?,
        }
        let Some(lineage) = self.lineage else { return Ok(()) };
        let how = match lineage {
            Lineage::ForkedFrom(_) => "forked",
            Lineage::CompactedFrom(_) => "compacted",
        };
        write!(f, ", {how} at turn {}", lineage.origin().at_turn_index)?;
        match self.parent {
            Some(_) => Ok(()),
            None => write!(f, " of {}", lineage.origin().segment_id),
        }
    }
}
