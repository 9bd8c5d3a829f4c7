//! The fork tree of a session, read back from the first entries of its segments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use session_store_core::{SegmentId, SessionId, Store, StoreError};

use crate::Lineage;

/// The fork tree of a session.
///
/// It is read from the first entry of each segment and nothing else, and there is no session that has none:
/// a segment whose origin is not in the session (deleted, or in another one), whose first entry is no start
/// or can't be read, is a root; where origins run in a circle, the segment of it with the lowest id is.
/// `Display` draws it.
#[derive(Debug)]
pub struct SessionTree {
    session_id: SessionId,
    nodes: BTreeMap<SegmentId, SegmentNode>,
}

/// A segment in the tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentNode {
    /// Which segment.
    pub segment_id: SegmentId,
    /// Where it says that it comes from.
    pub lineage: Option<Lineage>,
    /// The segment that it hangs from in the tree; none for a root.
    pub parent: Option<SegmentId>,
    /// How many entries it has, if that could be read.
    pub entries: Option<usize>,
    /// Why its first entry could not be read, if so.
    pub damage: Option<StoreError>,
}

impl SessionTree {
    /// Reads the tree of a session; that of an unknown one is empty.
    ///
    /// # Errors
    /// As [`Store::list_segments`] and [`Store::read_page`]. A damaged log is no error, but stands in its
    /// node.
    pub fn read<S: Store + ?Sized>(store: &S, session_id: SessionId) -> Result<Self, StoreError> {
        let mut nodes = BTreeMap::new();
        for segment_id in store.list_segments(session_id)? {
            if let Some(node) = SegmentNode::read(store, session_id, segment_id)? {
                nodes.insert(segment_id, node);
            }
        }
        hang(&mut nodes);
        Ok(Self { session_id, nodes })
    }

    /// The session.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// A segment of the session.
    #[must_use]
    pub fn node(&self, segment_id: SegmentId) -> Option<&SegmentNode> {
        self.nodes.get(&segment_id)
    }

    /// All segments, by ascending id, which is the order of their creation.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.nodes.values()
    }

    /// The segments that hang from none.
    pub fn roots(&self) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.hanging_from(None)
    }

    /// The segments that hang from this one.
    pub fn children(&self, segment_id: SegmentId) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.hanging_from(Some(segment_id))
    }

    fn hanging_from(
        &self,
        parent: Option<SegmentId>,
    ) -> impl DoubleEndedIterator<Item = &SegmentNode> {
        self.nodes().filter(move |node| node.parent == parent)
    }
}

impl SegmentNode {
    /// None if the segment is gone by now.
    fn read<S: Store + ?Sized>(
        store: &S,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Self>, StoreError> {
        let node = Self { segment_id, lineage: None, parent: None, entries: None, damage: None };
        // A page always holds the first entry, however small it is asked to be.
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

/// Hangs each segment from its origin, where that is in the session, and opens circles.
fn hang(nodes: &mut BTreeMap<SegmentId, SegmentNode>) {
    let origin = |node: &SegmentNode| node.lineage.map(|lineage| lineage.origin().segment_id);
    let parents = nodes.values().map(|node| (node.segment_id, origin(node)));
    let mut parents: BTreeMap<_, _> =
        parents.filter_map(|(id, parent)| Some((id, parent?))).collect();
    parents.retain(|_, parent| nodes.contains_key(parent));
    open_circles(&mut parents);
    for node in nodes.values_mut() {
        node.parent = parents.get(&node.segment_id).copied();
    }
}

/// Takes the parent from the lowest id of each circle.
fn open_circles<Id: Copy + Ord>(parents: &mut BTreeMap<Id, Id>) {
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
        // A stack in place of recursion: a chain of forks may be longer than the call stack is deep.
        let mut open: Vec<_> = self.roots().rev().map(|root| (root, 1)).collect();
        while let Some((node, depth)) = open.pop() {
            writeln!(f, "{:1$}{node}", "", 2 * depth)?;
            open.extend(self.children(node.segment_id).rev().map(|child| (child, depth + 1)));
        }
        Ok(())
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
