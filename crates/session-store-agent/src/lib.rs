//! The interface for an agent runtime over any [`Store`](session_store_core::Store): writers that
//! fork, the lineage of segments, typed records and replay.
//!
//! A *session* is one conversation: a tree of *segments*. A segment is an append-only log of
//! *entries*. A *fork* is a new segment that continues the conversation from a point in another
//! segment. A *compaction* is a new segment that continues the conversation with a shorter history.
//! A *pod* is a named agent with a pointer to its active session and segment.
//!
//! A runtime appends to the end of a segment, and forks the segment if another writer has appended.
//! A runtime can also return to an earlier turn, compact the history, and rebuild its state after a
//! crash. A check for other writers before each append would not be enough, because another writer
//! can append between the check and the append. A lock would exclude other processes for as long as
//! the agent runs. Therefore every append of this crate is conditional: the store appends only if
//! the log has not changed since the writer last saw the end of the log. If another writer has
//! appended, the writer continues in a new segment of the same session.
//!
//! ```
//! use serde_json::json;
//! use session_store_agent::{
//!     AppendOutcome, Kind, Lineage, Record, RestoredState, SessionTree, fork_at, open_pod,
//! };
//! use session_store_memory::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let start = |_| Ok(vec![RestoredState::default().start(None)?.into_entry()]);
//!
//! // Two runtimes open the agent by its name. The first runtime creates the agent's session.
//! let (mut first, mut state) = open_pod(&store, &"coder".parse()?, start)?;
//! let (mut second, _) = open_pod(&store, &"coder".parse()?, start)?;
//!
//! let question = Record::new(Kind::UserInput, &json!({"text": "Why does it fail?"}))?.into_entry();
//! first.append(&question)?;
//! state.apply(&question)?;
//!
//! // The second runtime has not read the question, so its own entry goes to a fork.
//! let request = Record::new(Kind::UserInput, &json!({"text": "Add a test."}))?.into_entry();
//! let outcome = second.append_or_fork(&[request], |from| {
//!     let state = RestoredState::default(); // the state that the second runtime knows
//!     Ok(vec![state.start(Some(Lineage::ForkedFrom(from)))?.into_entry()])
//! })?;
//! assert!(matches!(outcome, AppendOutcome::Forked { .. }));
//!
//! // Return to the turn before the question.
//! let (_writer, state) = fork_at(&store, first.session_id(), first.segment_id(), 0)?;
//! assert!(state.history.is_empty());
//!
//! let tree = SessionTree::read(&store, first.session_id())?;
//! assert_eq!(tree.children(first.segment_id()).count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Parts
//!
//! - [`SegmentWriter`] appends entries of any kind, forks on a conflict, and rolls back. If the
//!   reply to an append is lost, the writer finds out whether the entries are stored.
#![cfg_attr(
    feature = "async",
    doc = "- [`AsyncWriter`] (feature `async`) does the same from asynchronous code, with any runtime."
)]
#![cfg_attr(
    feature = "redact",
    doc = "- [`Redactor`] (feature `redact`) removes API keys and private keys from entries before they are stored."
)]
//! - [`Record`] and [`Kind`] define the entries that the other parts interpret. [`replay()`]
//!   computes a [`RestoredState`] from records, and [`restore()`] opens a writer together with its
//!   state.
//! - [`fork_at`], [`fork_session_at`] and [`compact`] create segments from existing segments.
//!   [`SessionTree`] reads the tree of all segments of a session.
//! - [`open_pod`] opens a conversation by the name of an agent.
//!
//! # The start of a segment
//!
//! A segment begins with a `segment_start` that contains everything needed to continue: session,
//! lineage, system prompt, configuration, history and totals. A reader of a fork therefore does not
//! need the old segment, which can even be deleted. Also, a fork never writes to the old segment.
//! The cost is that the first entry of a fork repeats the history.
//!
//! The turns of each segment are counted separately. In an [`Origin`], `at_turn_index` counts the
//! `turn_end` records of the old segment before the fork. 0 is the point directly after the
//! `segment_start` of the old segment.
//!
//! # Unusual logs
//!
//! | in the log | effect |
//! |---|---|
//! | an unknown kind, unknown fields, an entry without a kind | kept and counted, otherwise ignored |
//! | a first entry that is not a `segment_start` | the state starts with its default; the segment is a root in the tree |
//! | a `segment_start` that is not the first entry | [`ReplayError::LateStart`] |
//! | a field of the wrong type in a known kind | [`ReplayError::Malformed`] with the number of the entry |
//! | an origin that is in another session or was deleted | the origin is in the [`Lineage`]; the segment is a root in the tree |
//! | an origin at a turn that its segment does not have | the origin is in the [`Lineage`] |
//! | an origin in another form, or a circle of origins | the segment, or one segment of the circle, is a root in the tree |
//! | a fork at a turn that the segment does not have | [`AgentError::NoSuchTurn`] with the number of turns |

#[cfg(feature = "async")]
mod async_writer;
mod best_effort;
mod branch;
mod error;
mod json;
mod lineage;
mod pod;
mod pointer;
mod record;
#[cfg(feature = "redact")]
mod redact;
mod replay;
mod restore;
mod state;
mod tree;
mod writer;

#[cfg(feature = "async")]
pub use async_writer::{AsyncWriteError, AsyncWriter};
pub use best_effort::BestEffort;
pub use branch::{compact, fork_at, fork_session_at};
pub use error::AgentError;
pub use json::Json;
pub use lineage::{Lineage, Origin};
pub use pod::{is_claims_session, open_pod, point_pod};
pub use record::{Kind, Record};
#[cfg(feature = "redact")]
pub use redact::Redactor;
pub use replay::{ReplayError, replay};
pub use restore::{restore, restore_from};
pub use state::RestoredState;
pub use tree::{DepthFirst, SegmentNode, SessionTree, Visit};
pub use writer::{AppendOutcome, SegmentWriter};
