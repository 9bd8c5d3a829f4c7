//! The folder `.session-store`: files that can be lost without losing an entry. A missing one is
//! written again by the next change, never by a read.

pub(crate) mod epoch;
pub(crate) mod format;
pub(crate) mod hint;
pub(crate) mod quarantine;
