//! The figures of a backup as text and JSON, for `export` and `restore`.

use std::fmt;

use serde::Serialize;
use session_store_migrate::backup::{Manifest, Missing};

use crate::text::{entries, plural};

/// The contents of a backup in figures.
#[derive(Serialize)]
pub(crate) struct Contents {
    segments: usize,
    entries: usize,
    trace_entries: usize,
    pods: usize,
}

impl Contents {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            segments: manifest.segments(),
            entries: manifest.entries(),
            trace_entries: manifest.trace_entries(),
            pods: manifest.pods(),
        }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {}, {}",
            plural(self.segments, "segment", "segments"),
            entries(self.entries),
            plural(self.trace_entries, "trace entry", "trace entries"),
            plural(self.pods, "pod", "pods"),
        )
    }
}

/// Returns the name of a part that an export left out, with the reason, and the path of its file in
/// the archive.
pub(crate) fn missing_part(missing: &Missing) -> String {
    let Missing { part, reason, .. } = missing;
    match missing.raw_path() {
        Some(path) => format!("{part}: {reason}; its damaged file is in the backup: {path}"),
        None => format!("{part}: {reason}"),
    }
}
