//! The sidecar folder `.session-store`. Its files can be lost without losing an entry. The next
//! change writes a missing file again, and reads never write files.

pub(crate) mod checkpoint;
pub(crate) mod epoch;
pub(crate) mod format;
pub(crate) mod hint;
pub(crate) mod quarantine;
