//! Log and trace entries: opaque lines of JSON, built from values, from text or from bytes.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::line::Line;

macro_rules! entry {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The text is never changed after it was built, and a clone shares it. Two entries are equal when
        /// their texts are, byte for byte. `Debug` shows the size and the first 32 characters only, since
        /// logs hold secrets.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Line);

        impl $name {
            /// Builds an entry from a Rust value.
            ///
            /// # Errors
            /// [`StoreError::Serde`] if the value fails to serialise, or serialises to anything but an
            /// object (E2).
            pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, StoreError> {
                Line::encode(value).map(Self)
            }

            /// Builds an entry from the text of exactly one JSON object. White space around it is dropped,
            /// and so are runs of white space between its tokens that hold a line break (LF or CR); nothing
            /// else is changed.
            ///
            /// # Errors
            /// [`StoreError::Serde`] with line and column, for anything else (E3);
            /// [`StoreError::TooLarge`] from 4 GiB on.
            pub fn from_json(text: impl Into<String>) -> Result<Self, StoreError> {
                Line::from_text(text.into()).map(Self)
            }

            /// As [`from_json`](Self::from_json), from bytes.
            ///
            /// # Errors
            /// As [`from_json`](Self::from_json); invalid UTF-8 is [`StoreError::Serde`] with the byte's position.
            pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, StoreError> {
                Line::from_utf8(bytes).map(Self)
            }

            /// As [`from_json`](Self::from_json), from a part of a text that many entries share: no bytes
            /// are copied unless line breaks must go. The block lives as long as any of its entries, so a
            /// backend should keep blocks to a few hundred KiB.
            ///
            /// # Errors
            /// As [`from_json`](Self::from_json).
            ///
            /// # Panics
            /// If `range` is out of bounds or cuts a character, as slicing does.
            pub fn from_block(block: &Arc<String>, range: Range<usize>) -> Result<Self, StoreError> {
                Line::in_block(block, range).map(Self)
            }

            /// The JSON text, exactly as stored: one line, without a line break.
            #[must_use]
            pub fn as_json(&self) -> &str {
                self.0.as_str()
            }

            /// Reads the entry as a type of the caller's.
            ///
            /// # Errors
            /// [`StoreError::Serde`] if the object does not fit the type. Limits of `serde_json` apply: 128
            /// levels of nesting, and numbers must fit the type asked for.
            pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, StoreError> {
                Ok(serde_json::from_str(self.as_json())?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($name), f)
            }
        }
    };
}

entry! {
    /// One entry of a segment's log: one JSON object on one line, kept byte for byte (E1).
    LogEntry
}

entry! {
    /// One entry of a segment's debug trace: like a [`LogEntry`], but never part of the log (X1).
    TraceEntry
}
