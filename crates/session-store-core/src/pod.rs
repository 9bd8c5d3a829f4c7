//! `Pod`: a named agent with a pointer to its active session and segment, as it is stored.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::line::Line;
use crate::{SegmentId, SessionId, StoreError};

/// A named agent's pointer to its active session and segment: one JSON object, kept byte for byte.
///
/// The field `active` is the pointer, `{"session_id": "…", "segment_id": "…"}`. The segment in the
/// pointer is optional. All other fields belong to the owner of the pod and are kept unchanged
/// ([P1](crate::contract#p1)).
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

/// The place where a pod's conversation continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveSegment {
    /// The active session.
    pub session_id: SessionId,
    /// The active segment, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<SegmentId>,
}

/// The only field of a pod that this crate reads.
#[derive(Serialize, Deserialize)]
struct Pointer {
    #[serde(default)]
    active: Option<ActiveSegment>,
}

impl Pod {
    /// Returns a pod with a pointer and no other fields.
    #[must_use]
    pub fn new(session_id: SessionId, segment_id: Option<SegmentId>) -> Self {
        let active = Some(ActiveSegment { session_id, segment_id });
        let line = Line::encode(&Pointer { active }).expect("two ids serialize to an object");
        Self { line, active }
    }

    /// Builds a pod from a Rust value that serializes to an object. The field `active` of the
    /// object is the pointer.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, StoreError> {
        Self::from_line(Line::encode(value)?)
    }

    /// Builds a pod from the text of a single JSON object. If the field `active` is missing or
    /// null, the pod does not have a pointer yet.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the text is not a single object, or `active` is not a pointer.
    pub fn from_json(text: impl Into<String>) -> Result<Self, StoreError> {
        Self::from_line(Line::from_text(text.into())?)
    }

    fn from_line(line: Line) -> Result<Self, StoreError> {
        let Pointer { active } = serde_json::from_str(line.as_str())
            .map_err(|error| serde_json::Error::custom(format_args!("a pod's pointer: {error}")))?;
        Ok(Self { line, active })
    }

    /// Returns the pointer, if the pod has one.
    #[must_use]
    pub const fn active(&self) -> Option<ActiveSegment> {
        self.active
    }

    /// Returns the JSON text exactly as stored, on one line.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.line.as_str()
    }

    /// Decodes the pod as a type of the caller.
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
