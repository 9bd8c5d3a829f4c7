//! The names of all files and folders below the root, as pure functions of ids and names.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use session_store_core::{SegmentId, SegmentKey, SessionId};
use uuid::Uuid;

/// The two files that a segment can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Log,
    Trace,
}

impl Kind {
    fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".jsonl",
            Self::Trace => ".trace.jsonl",
        }
    }
}

/// The paths of a store.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn session(&self, session_id: SessionId) -> PathBuf {
        self.root.join(session_id.to_string())
    }

    pub(crate) fn file(&self, key: SegmentKey, kind: Kind) -> PathBuf {
        self.session(key.session_id).join(format!("{}{}", key.segment_id, kind.suffix()))
    }

    pub(crate) fn pods(&self) -> PathBuf {
        self.root.join("pods")
    }

    pub(crate) fn pod(&self, folder: &str) -> PathBuf {
        self.pods().join(folder)
    }

    /// The folder of the files that can be lost without losing an entry.
    pub(crate) fn sidecar(&self) -> PathBuf {
        self.root.join(".session-store")
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.sidecar().join("format")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.sidecar().join("locks")
    }

    pub(crate) fn stripe(&self, stripe: u8) -> PathBuf {
        self.locks().join(format!("{stripe:02x}"))
    }

    pub(crate) fn mode(&self) -> PathBuf {
        self.locks().join("mode")
    }

    pub(crate) fn deletions(&self) -> PathBuf {
        self.locks().join("deletions")
    }

    pub(crate) fn replacements(&self) -> PathBuf {
        self.locks().join("replacements")
    }

    pub(crate) fn pod_lock(&self) -> PathBuf {
        self.locks().join("pods")
    }

    pub(crate) fn epochs(&self) -> PathBuf {
        self.sidecar().join("epochs")
    }

    pub(crate) fn epoch(&self, key: SegmentKey) -> PathBuf {
        self.epochs().join(format!("{}.{}", key.session_id, key.segment_id))
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.sidecar().join("checkpoints")
    }

    pub(crate) fn checkpoint(&self, key: SegmentKey) -> PathBuf {
        self.checkpoints().join(format!("{}.{}", key.session_id, key.segment_id))
    }

    pub(crate) fn hints(&self) -> PathBuf {
        self.sidecar().join("hints")
    }

    pub(crate) fn hint(&self, segment_id: SegmentId) -> PathBuf {
        self.hints().join(segment_id.to_string())
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.sidecar().join("tmp")
    }

    pub(crate) fn torn(&self) -> PathBuf {
        self.sidecar().join("torn")
    }

    /// The prefix of the names of a segment's quarantined tails.
    pub(crate) fn torn_prefix(key: SegmentKey) -> String {
        format!("{}.{}.", key.session_id, key.segment_id)
    }
}

/// Returns the lock stripe of a segment: FNV-1a over the bytes of its segment id, folded to one
/// byte.
///
/// A stripe is a group of segments that share a lock. The hash leaves out the session id. If two
/// sessions have a segment of the same id, one lock therefore guards both logs. The lock also
/// guards their lookup hint, a file that names one of the sessions. Programs of every version must
/// compute the same stripe, because they would otherwise not exclude each other.
pub(crate) fn stripe_of(segment_id: SegmentId) -> u8 {
    let bytes = *Uuid::from(segment_id).as_bytes();
    let hash = bytes
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_le_bytes().into_iter().fold(0, |folded, byte| folded ^ byte)
}

/// Returns the session whose folder has this name.
pub(crate) fn session_of(name: &OsStr) -> Option<SessionId> {
    canonical(name.to_str()?).map(SessionId::from)
}

/// Returns the segment and the kind of the file that has this name.
pub(crate) fn segment_of(name: &OsStr) -> Option<(SegmentId, Kind)> {
    let name = name.to_str()?;
    [Kind::Trace, Kind::Log].into_iter().find_map(|kind| {
        let id = canonical(name.strip_suffix(kind.suffix())?)?;
        Some((SegmentId::from(id), kind))
    })
}

/// Parses an id in the spelling that this crate writes: hyphenated, in lower case. Other spellings
/// are rejected, because one session or segment would then have several names.
fn canonical(text: &str) -> Option<Uuid> {
    // No other spelling of a UUID has this length.
    const LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;
    let is_canonical = text.len() == LENGTH && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    is_canonical.then(|| Uuid::try_parse(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a7c2-0000-7000-8000-0000000000ff";

    #[test]
    fn only_the_canonical_spelling_names_a_session() {
        let id: Uuid = ID.parse().unwrap();
        assert_eq!(session_of(OsStr::new(ID)), Some(SessionId::from(id)));
        let upper = ID.to_uppercase();
        for stray in
            ["", "pods", ".session-store", upper.as_str(), "0190a7c2000070008000000000000ff"]
        {
            assert_eq!(session_of(OsStr::new(stray)), None, "{stray}");
        }
    }

    #[test]
    fn a_trace_is_not_parsed_as_a_log() {
        let id = SegmentId::from(ID.parse::<Uuid>().unwrap());
        let parse = |name: String| segment_of(OsStr::new(&name));
        assert_eq!(parse(format!("{ID}.jsonl")), Some((id, Kind::Log)));
        assert_eq!(parse(format!("{ID}.trace.jsonl")), Some((id, Kind::Trace)));
        for stray in [
            format!("{ID}.json"),
            format!("{ID}.jsonl.bak"),
            format!(" {ID}.jsonl"),
            "x.jsonl".into(),
        ] {
            assert_eq!(parse(stray.clone()), None, "{stray}");
        }
    }

    #[test]
    fn the_stripe_of_a_segment_never_changes() {
        let of = |id: u128| stripe_of(SegmentId::from(Uuid::from_u128(id)));
        assert_eq!([of(0), of(1), of(u128::MAX)], STRIPES);
    }

    /// Programs of different versions lock the same file only if these values never change.
    const STRIPES: [u8; 3] = [28, 100, 189];
}
