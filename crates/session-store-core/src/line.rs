//! `Line`: one JSON object on one line, kept byte for byte. Log entries, trace entries and pods are
//! wrappers of a `Line`. The text is checked to be valid JSON, but is not interpreted.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::StoreError;

/// A range of a shared text. The lines of one read share one allocation, and cloning a line copies
/// no bytes.
#[derive(Clone)]
pub(crate) struct Line {
    block: Arc<String>,
    start: u32,
    len: u32,
}

impl Line {
    /// Serializes the value. The text is not parsed again, because `serde_json` has written it.
    pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, StoreError> {
        let text = serde_json::to_string(value)?;
        if !(text.starts_with('{') && text.ends_with('}')) {
            // The value is not an object. Parse the text only for the error, which has the
            // position.
            return Self::from_text(text);
        }
        debug_assert!(object_in(&text).is_ok(), "{} writes invalid JSON", type_name::<T>());
        let whole = 0..text.len();
        Self::on_one_line(&Arc::new(text), whole)
    }

    pub(crate) fn from_utf8(bytes: Vec<u8>) -> Result<Self, StoreError> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::from_text(text),
            Err(error) => Err(invalid_utf8(error.utf8_error().valid_up_to())),
        }
    }

    pub(crate) fn from_text(text: String) -> Result<Self, StoreError> {
        let whole = 0..text.len();
        Self::in_block(&Arc::new(text), whole)
    }

    /// Returns the object in `range` of `block`. The object shares the memory of the block.
    pub(crate) fn in_block(block: &Arc<String>, range: Range<usize>) -> Result<Self, StoreError> {
        let text = &block[range.clone()];
        let object = object_in(text)?;
        let start = range.start + text.len() - text.trim_start_matches(is_json_space).len();
        Self::on_one_line(block, start..start + object.len())
    }

    /// Returns the object in `range` of `block`. The object was checked before, so its JSON is not
    /// parsed.
    #[inline]
    pub(crate) fn in_checked_block(
        block: &Arc<String>,
        range: Range<usize>,
    ) -> Result<Self, StoreError> {
        if block[range.clone()].starts_with('{') && block[range.clone()].ends_with('}') {
            return Self::on_one_line(block, range);
        }
        Self::in_block(block, range)
    }

    /// Returns the object that is exactly the text in `range`, without its line breaks.
    fn on_one_line(block: &Arc<String>, range: Range<usize>) -> Result<Self, StoreError> {
        let object = &block[range.clone()];
        if has_line_break(object) {
            let text = without_line_breaks(object);
            let whole = 0..text.len();
            return Self::new(Arc::new(text), whole);
        }
        Self::new(Arc::clone(block), range)
    }

    fn new(block: Arc<String>, range: Range<usize>) -> Result<Self, StoreError> {
        match (u32::try_from(range.start), u32::try_from(range.len())) {
            (Ok(start), Ok(len)) => Ok(Self { block, start, len }),
            _ => Err(StoreError::TooLarge { size: range.end as u64, limit: u64::from(u32::MAX) }),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        let start = self.start as usize;
        &self.block[start..start + self.len as usize]
    }

    /// Writes the `Debug` output: `name`, which is the name of the wrapping type, and the size and
    /// the beginning of the line.
    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        let text = self.as_str();
        let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
        let more = if end < text.len() { "…" } else { "" };
        write!(f, "{name}({} bytes: {}{more})", text.len(), &text[..end])
    }
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Line {}

impl Hash for Line {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Defines an entry type: a newtype over [`Line`].
macro_rules! entry {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The text never changes after the entry is built. Clones share the text. Two entries are
        /// equal if their texts are equal byte for byte. `Debug` shows the size and the first 32
        /// characters only, because logs can hold secrets.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name($crate::line::Line);

        impl $name {
            /// Builds an entry from a Rust value.
            ///
            /// The text that `serde_json` writes is checked to be an object, but is not parsed
            /// again. A hand-written implementation of `Serialize` must therefore be correct: for
            /// example, each key of a map needs a value. Debug builds panic if the text is not
            /// valid JSON.
            ///
            /// # Errors
            /// [`StoreError::Serde`](crate::StoreError::Serde) if the value does not serialize to
            /// an object ([E2](crate::contract#e2)).
            pub fn encode<T: serde::Serialize + ?Sized>(
                value: &T,
            ) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::encode(value).map(Self)
            }

            /// Builds an entry from the text of a single JSON object.
            ///
            /// White space around the object is removed. A run of white space between tokens is
            /// removed if it contains a line break (LF or CR). Nothing else changes.
            ///
            /// # Errors
            /// [`StoreError::Serde`](crate::StoreError::Serde) with line and column for any other
            /// text ([E3](crate::contract#e3)).
            /// [`StoreError::TooLarge`](crate::StoreError::TooLarge) for a text of 4 GiB or more.
            pub fn from_json(text: impl Into<String>) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::from_text(text.into()).map(Self)
            }

            /// Returns whether the text is a single JSON object of less than 4 GiB, which
            /// [`from_json`](Self::from_json) accepts. Does not copy the text.
            #[must_use]
            pub fn is_valid(text: &str) -> bool {
                $crate::line::is_object(text)
            }

            /// Builds an entry from the bytes of a single JSON object, like
            /// [`from_json`](Self::from_json).
            ///
            /// # Errors
            /// As [`from_json`](Self::from_json). Invalid UTF-8 is
            /// [`StoreError::Serde`](crate::StoreError::Serde) with the position of the byte.
            pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::from_utf8(bytes).map(Self)
            }

            /// Builds an entry from a part of a shared text, as [`from_json`](Self::from_json)
            /// does.
            ///
            /// The bytes are copied only if line breaks must be removed. All entries of a block
            /// share its memory, which is freed when the last entry is dropped. So a block should
            /// have a few hundred KiB at most.
            ///
            /// # Errors
            /// As [`from_json`](Self::from_json).
            ///
            /// # Panics
            /// If `range` is out of bounds or not on a character boundary, as in slicing.
            pub fn from_block(
                block: &std::sync::Arc<String>,
                range: std::ops::Range<usize>,
            ) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::in_block(block, range).map(Self)
            }

            /// Builds an entry from a part of a shared text, as [`from_block`](Self::from_block)
            /// does, but does not parse JSON that begins with `{` and ends with `}`.
            ///
            /// The caller must have checked the same bytes before, for example at an earlier read
            /// of a log. If the bytes are not one JSON object, the entry gets a text that is not
            /// JSON.
            ///
            /// # Errors
            /// As [`from_block`](Self::from_block), for text that does not begin with `{` and end
            /// with `}`.
            ///
            /// # Panics
            /// As [`from_block`](Self::from_block).
            #[inline]
            pub fn from_checked_block(
                block: &std::sync::Arc<String>,
                range: std::ops::Range<usize>,
            ) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::in_checked_block(block, range).map(Self)
            }

            /// Returns the JSON text exactly as stored: one line, without a line break.
            #[must_use]
            pub fn as_json(&self) -> &str {
                self.0.as_str()
            }

            /// Decodes the entry as a type of the caller.
            ///
            /// # Errors
            /// [`StoreError::Serde`](crate::StoreError::Serde) if the object does not fit the type.
            /// The limits of `serde_json` apply: at most 128 levels of nesting, and a number must
            /// fit the requested type.
            pub fn decode<'a, T: serde::Deserialize<'a>>(
                &'a self,
            ) -> Result<T, $crate::StoreError> {
                Ok(serde_json::from_str(self.as_json())?)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.debug(stringify!($name), f)
            }
        }
    };
}
pub(crate) use entry;

/// Returns the single object in `text`, without the JSON white space around it.
fn object_in(text: &str) -> Result<&str, serde_json::Error> {
    // `serde_json` validates a RawValue without recursion, and does not interpret its numbers and
    // escapes. So deep nesting, 1e999 and a lone \ud800 are accepted unchanged.
    let value = serde_json::from_str::<&RawValue>(text)?.get();
    if value.starts_with('{') {
        return Ok(value);
    }
    // The value is not an object. Parse again as an object, so that the error of the parser has the
    // line and the column.
    serde_json::from_str::<AnyObject>(text)?;
    Err(serde_json::Error::custom("expected a JSON object"))
}

/// Returns whether the text is a single object that is not too large for a [`Line`].
pub(crate) fn is_object(text: &str) -> bool {
    u32::try_from(text.len()).is_ok() && object_in(text).is_ok()
}

/// A type that deserializes from any object. For another value, the parser returns an error with
/// the position.
struct AnyObject;

impl<'de> Deserialize<'de> for AnyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = AnyObject;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyObject, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(AnyObject)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Removes each run of white space between tokens, if the run contains a line break.
fn without_line_breaks(object: &str) -> String {
    let mut kept = String::with_capacity(object.len());
    let mut rest = object;
    while let Some(at) = rest.find(['\n', '\r']) {
        // Valid JSON has line breaks only between tokens and not in strings, so the white space
        // around a line break can be removed.
        kept.push_str(rest[..at].trim_end_matches(is_json_space));
        rest = rest[at..].trim_start_matches(is_json_space);
    }
    kept.push_str(rest);
    kept
}

fn invalid_utf8(at: usize) -> StoreError {
    serde_json::Error::custom(format_args!("invalid UTF-8 at byte {at}")).into()
}

/// Returns whether the text contains a line break.
///
/// For each chunk, the smallest byte is computed first, because the compiler vectorizes this loop
/// well. Only a chunk that contains a control character is searched for a line break.
fn has_line_break(text: &str) -> bool {
    let may_have = |chunk: &[u8]| chunk.iter().fold(u8::MAX, |min, &byte| min.min(byte)) <= b'\r';
    let has = |chunk: &[u8]| may_have(chunk) && chunk.iter().any(is_line_break);
    let (chunks, rest) = text.as_bytes().as_chunks::<128>();
    chunks.iter().any(|chunk| has(chunk)) || has(rest)
}

fn is_line_break(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Returns whether `c` is white space in JSON (RFC 8259). A no-break space and a byte-order mark
/// are not white space in JSON.
fn is_json_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}
