//! `Line`: one JSON object on one line, kept byte for byte. Log entries, trace entries and pods contain
//! one. Only the outermost braces are looked at.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::StoreError;

/// A range of a shared text. The lines of one read share one allocation, and a clone copies no bytes.
#[derive(Clone)]
pub(crate) struct Line {
    block: Arc<String>,
    start: u32,
    len: u32,
}

impl Line {
    pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, StoreError> {
        Self::from_text(serde_json::to_string(value)?)
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

    /// Returns the object in `range` of `block`. It shares the memory of the block.
    pub(crate) fn in_block(block: &Arc<String>, range: Range<usize>) -> Result<Self, StoreError> {
        let text = &block[range.clone()];
        let object = object_in(text)?;
        if has_line_break(object) {
            let text = without_line_breaks(object);
            let whole = 0..text.len();
            return Self::new(Arc::new(text), whole);
        }
        let start = range.start + text.len() - text.trim_start_matches(is_json_space).len();
        Self::new(Arc::clone(block), start..start + object.len())
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

    /// Formats the size and the beginning of the line, under the name of the type that wraps it.
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

/// Returns the single object in `text`, without the JSON white space around it.
fn object_in(text: &str) -> Result<&str, serde_json::Error> {
    // A RawValue is validated without recursion, and its numbers and escapes are not interpreted. Deep
    // nesting, 1e999 and a lone \ud800 are therefore accepted unchanged.
    let value = serde_json::from_str::<&RawValue>(text)?.get();
    if value.starts_with('{') {
        return Ok(value);
    }
    // The parser reports the place of a value that is not a map.
    serde_json::from_str::<AnyObject>(text)?;
    Err(serde_json::Error::custom("expected a JSON object"))
}

/// Deserializes from any object. For another value the parser returns its own error.
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

/// Removes the runs of white space between tokens that contain a line break.
fn without_line_breaks(object: &str) -> String {
    let mut kept = String::with_capacity(object.len());
    let mut rest = object;
    while let Some(at) = rest.find(['\n', '\r']) {
        // Valid JSON has line breaks between tokens only, so the whole run around one can be removed.
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
/// The loop looks at all bytes of a chunk, so the compiler vectorizes it. It is 15 times as fast as a
/// loop that stops at the first line break.
fn has_line_break(text: &str) -> bool {
    let (chunks, rest) = text.as_bytes().as_chunks::<32>();
    let or = |found, &byte: &u8| found | is_line_break(byte);
    chunks.iter().any(|chunk| chunk.iter().fold(false, or)) || rest.iter().fold(false, or)
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Returns whether `c` is white space in JSON (RFC 8259). A no-break space or a byte-order mark is not.
fn is_json_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}
