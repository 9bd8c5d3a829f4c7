//! The ids of sessions and segments: newtypes over a UUID.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Ids order by their bytes. `new()` makes a UUID version 7 (RFC 9562), whose bytes begin with
        /// the time in milliseconds, so for ids made that way the order is the order of creation.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id: a UUID version 7 of this moment.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            /// A fresh id, as [`Self::new`].
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

            /// Any spelling of a UUID that the `uuid` crate reads; `Display` writes the hyphenated one.
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
    /// Names a session: one conversation, a fork tree of segments.
    SessionId
}

id! {
    /// Names a segment: one append-only log of entries within a session.
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
        assert_eq!(format!("{id:?}"), id.to_string());
        assert!("not-a-uuid".parse::<SegmentId>().is_err());
    }

    #[test]
    fn serialises_as_a_plain_string() {
        let id = SessionId::from(Uuid::nil());
        assert_eq!(
            serde_json::to_string(&id).unwrap(),
            r#""00000000-0000-0000-0000-000000000000""#
        );
    }
}
