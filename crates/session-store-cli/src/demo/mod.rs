//! What the command `demo` shows: conversations as a runtime writes them, how large stores are, and what to
//! try next.

mod hints;
mod size;
mod tree;

pub(crate) use hints::hints;
pub(crate) use size::Size;
pub(crate) use tree::{Tree, plant};
