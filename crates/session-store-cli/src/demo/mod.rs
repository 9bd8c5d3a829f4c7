//! The parts of `demo`: sample conversations, the sizes of stores, and commands to try next.

mod hints;
mod sessions;
mod size;

pub(crate) use hints::hints;
pub(crate) use sessions::create_sessions;
pub(crate) use size::Size;
