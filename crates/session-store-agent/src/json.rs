//! `Json`: a JSON value of any type, for the payloads of records. The value is kept as text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError};

/// A JSON value of any type. The value is kept as text, so that numbers, escapes and unknown fields
/// are not changed.
///
/// A clone shares the text. `Debug` prints only the start of the text, because logs can contain
/// secrets. Serializing the value only works with `serde_json`.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Converts a Rust value to JSON.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the value does not serialize.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, StoreError> {
        Ok(Self(serde_json::value::to_raw_value(value)?.into()))
    }

    /// Returns the text exactly as it was written.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// Decodes the value as a type of the caller.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the value does not fit the type.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, StoreError> {
        Ok(serde_json::from_str(self.as_json())?)
    }
}

impl From<&LogEntry> for Json {
    fn from(entry: &LogEntry) -> Self {
        let raw = RawValue::from_string(entry.as_json().to_owned());
        Self(raw.expect("an entry is one JSON object").into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (*self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.into()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        let text = self.as_json();
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        write!(f, "Json({} bytes: {shown}{more})", text.len())
    }
}
