//! Pods: named agents, each with a pointer to its active session and segment.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::line::Line;
use crate::{SegmentId, SessionId, StoreError};

/// The name of a pod, checked once when it is made (P3). Names order by their bytes, and two names are the
/// same only if their bytes are: case and Unicode normalisation make a difference.
///
/// ```
/// use session_store_core::PodName;
///
/// assert!("reviewer / 審査".parse::<PodName>().is_err());
/// assert_eq!("審査".parse::<PodName>()?.as_str(), "審査");
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName(String);

impl PodName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 255;

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PodName {
    type Err = StoreError;

    /// # Errors
    /// [`StoreError::InvalidPodName`] for a name that is empty, `.`, `..`, longer than
    /// [`MAX_BYTES`](Self::MAX_BYTES), or holds `/`, `\`, NUL or another control character.
    fn from_str(name: &str) -> Result<Self, StoreError> {
        let refused = matches!(name, "" | "." | "..")
            || name.len() > Self::MAX_BYTES
            || name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
        if refused {
            return Err(StoreError::InvalidPodName(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is stored under a pod's name: one JSON object, kept byte for byte.
///
/// Its field `active` is the pointer, `{"session_id": "…", "segment_id": "…"}`, the segment optional; all
/// other fields belong to the pod's owner and are kept as they are (P1).
///
/// ```
/// use session_store_core::{Pod, SegmentId, SessionId};
///
/// let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
/// let pod = Pod::new(session_id, Some(segment_id));
/// assert_eq!(pod.active().map(|active| active.session_id), Some(session_id));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pod {
    line: Line,
    active: Option<ActiveSegment>,
}

/// Where a pod's conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveSegment {
    /// The active session.
    pub session_id: SessionId,
    /// The active segment, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<SegmentId>,
}

/// The one field of a pod that has a meaning here.
#[derive(Serialize, Deserialize)]
struct Pointer {
    #[serde(default)]
    active: Option<ActiveSegment>,
}

impl Pod {
    /// A pod with a pointer and no other fields.
    #[must_use]
    pub fn new(session_id: SessionId, segment_id: Option<SegmentId>) -> Self {
        let active = Some(ActiveSegment { session_id, segment_id });
        let line = Line::encode(&Pointer { active }).expect("two ids serialise to an object");
        Self { line, active }
    }

    /// Builds a pod from any Rust value whose JSON has the pointer.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, StoreError> {
        Self::from_line(Line::encode(value)?)
    }

    /// Builds a pod from the text of one JSON object. A pod without the field `active`, or with null in it,
    /// has no pointer yet.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the text is not one object, or `active` is not a pointer.
    pub fn from_json(text: impl Into<String>) -> Result<Self, StoreError> {
        Self::from_line(Line::from_text(text.into())?)
    }

    fn from_line(line: Line) -> Result<Self, StoreError> {
        let Pointer { active } = serde_json::from_str(line.as_str())
            .map_err(|error| serde_json::Error::custom(format_args!("a pod's pointer: {error}")))?;
        Ok(Self { line, active })
    }

    /// The pointer, if the pod has one.
    #[must_use]
    pub const fn active(&self) -> Option<ActiveSegment> {
        self.active
    }

    /// The JSON text, exactly as stored, on one line.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.line.as_str()
    }

    /// Reads the pod as a type of the caller's.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the object does not fit the type.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, StoreError> {
        Ok(serde_json::from_str(self.as_json())?)
    }
}

impl fmt::Debug for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.debug("Pod", f)
    }
}

/// Pods by name, beside the sessions of the same storage. Neither creates the other (L3), and deleting a
/// session leaves the pods that point to it.
pub trait PodStore: Send + Sync {
    /// Creates the pod or replaces it whole: readers and a crash see the old one or the new one (P1).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`]; nothing was changed.
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError>;

    /// The pod of that name, or `None` (P2).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where what is stored is no pod; the message names it.
    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError>;

    /// The names of all pods, sorted by their bytes (P2).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn list_pods(&self) -> Result<Vec<PodName>, StoreError>;

    /// Deletes the pod of that name, and says whether there was one (P2).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`]; nothing was changed.
    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError>;
}
