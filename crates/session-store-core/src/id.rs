//! `SessionId` and `SegmentId`: newtypes over a UUID.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Ids order by their bytes. `new()` returns a UUID of version 7 (RFC 9562), whose bytes
        /// begin with the time in milliseconds. Ids made by `new()` therefore sort in order of
        /// creation.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Returns a fresh id: a UUID of version 7 with the current time.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Returns the id that is derived from a namespace and a name: a UUID of version 5 (RFC
            /// 9562). The same namespace and name always give the same id.
            #[must_use]
            pub fn new_v5(namespace: &Uuid, name: &[u8]) -> Self {
                Self(Uuid::new_v5(namespace, name))
            }

            /// Returns the id that consists of these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Returns the 16 bytes of the id.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl Default for $name {
            /// Returns a fresh id, as [`Self::new`].
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Parses every spelling that the `uuid` crate reads. `Display` writes the hyphenated
            /// spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// The name of a session: one conversation, a fork tree of segments.
    SessionId
}

id! {
    /// The name of a segment: one append-only log of entries within a session.
    SegmentId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<_> = (0..1000).map(|_| SessionId::new()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn display_and_parse_are_inverse() {
        let id = SegmentId::new();
        assert_eq!(id.to_string().parse::<SegmentId>().unwrap(), id);
        assert_eq!(SegmentId::from_bytes(*id.as_bytes()), id);
        assert_eq!(format!("{id:?}"), id.to_string());
        assert!("not-a-uuid".parse::<SegmentId>().is_err());
    }

    #[test]
    fn an_id_serializes_as_a_plain_string() {
        let id = SessionId::from(Uuid::nil());
        assert_eq!(
            serde_json::to_string(&id).unwrap(),
            r#""00000000-0000-0000-0000-000000000000""#
        );
    }
}
