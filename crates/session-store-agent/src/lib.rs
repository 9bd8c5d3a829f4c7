//! What an agent runtime calls on session-store: writers that fork, lineage, typed records, replay; over any
//! [`Store`](session_store_core::Store).
//!
//! A runtime does not just append. It owns the tail of a segment until somebody else writes there, branches
//! when that happens, goes back to an earlier turn, compacts, and rebuilds its state after a crash. By
//! checking and then appending, this races; with locks it shuts users out. Here every append is on the
//! condition that the log still ends where the writer last saw it, and a writer that loses its tail goes on
//! in a segment of its own, in the same session.
//!
//! ```
//! use serde_json::json;
//! use session_store_agent::{
//!     Course, Kind, Lineage, Record, SessionTree, fork_at, open_pod, RestoredState,
//! };
//! use session_store_memory::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let start = |_| Ok(vec![RestoredState::default().start(None)?.into_entry()]);
//!
//! // Two runtimes resume the agent by its name. The first one to do so creates its session.
//! let (mut mine, mut state) = open_pod(&store, &"coder".parse()?, start)?;
//! let (mut theirs, _) = open_pod(&store, &"coder".parse()?, start)?;
//!
//! let question = Record::new(Kind::UserInput, &json!({"text": "Why does it fail?"}))?.into_entry();
//! mine.append(&question)?;
//! state.apply(&question)?;
//!
//! // The other one has not seen that, so what it says goes into a fork, and nothing is lost or mixed.
//! let other = Record::new(Kind::UserInput, &json!({"text": "Add a test."}))?.into_entry();
//! let course = theirs.append_or_fork(&[other], |from| {
//!     let state = RestoredState::default(); // what that runtime knows
//!     Ok(vec![state.start(Some(Lineage::ForkedFrom(from)))?.into_entry()])
//! })?;
//! assert!(matches!(course, Course::Forked { .. }));
//!
//! // Back to before the question.
//! let (again, state) = fork_at(&store, mine.session_id(), mine.segment_id(), 0)?;
//! assert!(state.history.is_empty());
//!
//! let tree = SessionTree::read(&store, mine.session_id())?;
//! assert_eq!(tree.children(mine.segment_id()).count(), 2);
//! # let _ = again;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The parts
//!
//! - [`SegmentWriter`] appends, forks on conflict, rolls back, and finds out after a lost reply. It takes
//!   entries of any vocabulary.
//! - [`Record`] and [`Kind`] are the vocabulary that the rest understands. [`replay()`] adds records up to a
//!   [`RestoredState`], [`restore()`] opens a writer together with it.
//! - [`fork_at`], [`fork_session_at`] and [`compact`] make segments out of others; [`SessionTree`] reads
//!   back how they hang together.
//! - [`open_pod`] finds all that by an agent's name.
//!
//! # What a segment says
//!
//! A segment begins with a `segment_start` that carries what is needed to go on from there: session,
//! lineage, system prompt, configuration, history, totals. So any segment is read alone, whatever becomes
//! of the one that it came from, and forking never writes to its source. The price is that a fork repeats
//! the history, in its first entry.
//!
//! Turns are counted by the segment: in an [`Origin`], `at_turn_index` is the number of `turn_end` records
//! of that segment which come before the fork, and 0 the point after its start.
//!
//! # What is let pass, and what is not
//!
//! | in the log | answer |
//! |---|---|
//! | an unknown kind, unknown fields, an entry without a kind | kept, counted, otherwise ignored |
//! | a first entry that is no start | the state starts from nothing; in a tree, a root |
//! | a start that is not the first entry | [`ReplayError::LateStart`] |
//! | a field of the wrong type in a known kind | [`ReplayError::Malformed`], with the entry's number |
//! | an origin in another session, or gone | kept in the [`Lineage`]; in a tree, a root |
//! | an origin at a turn that its segment does not have | kept in the [`Lineage`] |
//! | an origin that is not one of ours, or a circle of them | in a tree, a root |
//! | a fork at a turn that is not there | [`AgentError::NoSuchTurn`], with the turns that there are |

mod best_effort;
mod branch;
mod error;
mod json;
mod lineage;
mod pod;
mod pointer;
mod record;
mod replay;
mod restore;
mod settle;
mod state;
mod tree;
mod writer;

pub use best_effort::BestEffort;
pub use branch::{compact, fork_at, fork_session_at};
pub use error::AgentError;
pub use json::Json;
pub use lineage::{Lineage, Origin};
pub use pod::{claims_session, is_claims_session, open_pod, point_pod};
pub use record::{Kind, Record};
pub use replay::{ReplayError, replay};
pub use restore::{restore, restore_from};
pub use state::RestoredState;
pub use tree::{SegmentNode, SessionTree};
pub use writer::{Course, SegmentWriter};
