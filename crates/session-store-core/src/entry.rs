//! What log entries and trace entries have in common: how they are built, and how they are read.

use crate::{Head, LogEntry, SegmentKey, Store, StoreError, TraceEntry};

/// Defines an entry type: a newtype over [`Line`](crate::line::Line).
macro_rules! entry {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The text never changes after the entry is built, and clones share it. Two entries are equal
        /// if their texts are equal byte for byte. `Debug` shows the size and the first 32 characters
        /// only, because logs can hold secrets.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name($crate::line::Line);

        impl $name {
            /// Builds an entry from a Rust value.
            ///
            /// # Errors
            /// [`StoreError::Serde`](crate::StoreError::Serde) if the value does not serialize to an
            /// object ([E2](crate::contract#e2)).
            pub fn encode<T: serde::Serialize + ?Sized>(
                value: &T,
            ) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::encode(value).map(Self)
            }

            /// Builds an entry from the text of a single JSON object.
            ///
            /// White space around the object is removed. A run of white space between tokens is removed
            /// if it contains a line break (LF or CR). Nothing else changes.
            ///
            /// # Errors
            /// [`StoreError::Serde`](crate::StoreError::Serde) with line and column for any other text
            /// ([E3](crate::contract#e3)). [`StoreError::TooLarge`](crate::StoreError::TooLarge) for a
            /// text of 4 GiB or more.
            pub fn from_json(text: impl Into<String>) -> Result<Self, $crate::StoreError> {
                $crate::line::Line::from_text(text.into()).map(Self)
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

            /// Builds an entry from a part of a text that many entries share, like
            /// [`from_json`](Self::from_json).
            ///
            /// No bytes are copied, except where line breaks must be removed. The block is freed with
            /// the last of its entries, so a backend should keep blocks at a few hundred KiB.
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

            /// Returns the JSON text exactly as stored: one line, without a line break.
            #[must_use]
            pub fn as_json(&self) -> &str {
                self.0.as_str()
            }

            /// Decodes the entry as a type of the caller.
            ///
            /// # Errors
            /// [`StoreError::Serde`](crate::StoreError::Serde) if the object does not fit the type. The
            /// limits of `serde_json` apply: at most 128 levels of nesting, and a number must fit the
            /// requested type.
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

/// A [`LogEntry`] or a [`TraceEntry`]. The trait is sealed.
///
/// Code that works on logs and on traces alike is generic over it.
pub trait Entry: sealed::Sealed + Clone + PartialEq + Send + Sync + 'static {
    /// Returns the JSON text exactly as stored.
    fn as_json(&self) -> &str;

    /// Reads one page of the segment's log or trace, with the head of the same moment.
    ///
    /// A trace does not have a head.
    ///
    /// # Errors
    /// As [`Store::read_page`] or [`Store::read_trace_page`].
    fn read_page<S: Store + ?Sized>(
        store: &S,
        key: SegmentKey,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError>;
}

impl Entry for LogEntry {
    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn read_page<S: Store + ?Sized>(
        store: &S,
        SegmentKey { session_id, segment_id }: SegmentKey,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }
}

impl Entry for TraceEntry {
    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn read_page<S: Store + ?Sized>(
        store: &S,
        SegmentKey { session_id, segment_id }: SegmentKey,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_trace_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, None))
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::LogEntry {}
    impl Sealed for crate::TraceEntry {}
}
