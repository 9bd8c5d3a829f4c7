//! Where everything is: the names of all keys, their hash tags, and the slots that these fall into.

use std::fmt;

use session_store_core::{SegmentId, SessionId};
use uuid::Uuid;

/// A segment's full name.
pub(crate) type Key = (SessionId, SegmentId);

/// A hash slot of a Cluster; a server alone has them all.
pub(crate) type Slot = u16;

/// The number of hash slots.
pub(crate) const SLOTS: usize = 16_384;

/// The part of a key between braces. Keys of one tag are in one slot, so that one script may change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tag {
    /// A 256th of all sessions, or of all lookups.
    Bucket(u8),
    /// All pods.
    Pods,
    /// The version of the format.
    Format,
}

impl Tag {
    /// The tag of a session and of all its segments.
    pub(crate) fn of_session(session_id: SessionId) -> Self {
        Self::Bucket(spread(session_id.into()))
    }

    /// The tag of what says which sessions may hold a segment.
    pub(crate) fn of_holders(segment_id: SegmentId) -> Self {
        Self::Bucket(spread(segment_id.into()))
    }

    /// The tags of all sessions.
    pub(crate) fn buckets() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self::Bucket)
    }

    pub(crate) fn slot(self) -> Slot {
        crc16(self.to_string().as_bytes()) % SLOTS as u16
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(bucket) => write!(f, "{bucket:02x}"),
            Self::Pods => f.write_str("pods"),
            Self::Format => f.write_str("format"),
        }
    }
}

/// Which bucket an id falls into. All bytes count, since those that are random stand at different places
/// in the versions of UUIDs.
fn spread(id: Uuid) -> u8 {
    crc16(id.as_bytes()).to_le_bytes()[0]
}

/// The checksum by which Redis spreads keys over slots: CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 }
        })
    })
}

/// The keys under one prefix.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    fn key(&self, tag: Tag, rest: impl fmt::Display) -> String {
        format!("{}:{{{tag}}}:{rest}", self.prefix)
    }

    /// A string: the version of the format.
    pub(crate) fn format(&self) -> String {
        self.key(Tag::Format, "version")
    }

    /// A hash: the pods by name.
    pub(crate) fn pods(&self) -> String {
        self.key(Tag::Pods, "pods")
    }

    /// A string that expires: what a writer did last.
    pub(crate) fn writer(&self, tag: Tag, token: &str) -> String {
        self.key(tag, format_args!("writer:{token}"))
    }

    /// A list that expires: entries on their way into a log.
    pub(crate) fn staging(&self, tag: Tag, token: &str) -> String {
        self.key(tag, format_args!("staging:{token}"))
    }

    /// A key that never exists. While a slot is on its way to another node, a script that names it does not
    /// begin there. One that takes a key away must not: the key would be looked for on the other node from
    /// then on, and the script would end half-way.
    pub(crate) fn never(&self, tag: Tag) -> String {
        self.key(tag, "never")
    }

    /// A sorted set: the sessions of a bucket that have a segment.
    pub(crate) fn sessions(&self, tag: Tag) -> String {
        self.key(tag, "sessions")
    }

    /// A sorted set: the session's segments.
    pub(crate) fn segments(&self, session_id: SessionId) -> String {
        self.key(Tag::of_session(session_id), format_args!("segments:{session_id}"))
    }

    /// A sorted set: the segments of the session that have a trace.
    pub(crate) fn traces(&self, session_id: SessionId) -> String {
        self.key(Tag::of_session(session_id), format_args!("traces:{session_id}"))
    }

    /// A hash: that the log exists, and what is known of it beside its entries.
    pub(crate) fn log(&self, key: Key) -> String {
        self.of_segment("log", key)
    }

    /// A list: the log's entries.
    pub(crate) fn entries(&self, key: Key) -> String {
        self.of_segment("entries", key)
    }

    /// A list: the segment's trace.
    pub(crate) fn trace(&self, key: Key) -> String {
        self.of_segment("trace", key)
    }

    fn of_segment(&self, kind: &str, (session_id, segment_id): Key) -> String {
        self.key(Tag::of_session(session_id), format_args!("{kind}:{session_id}:{segment_id}"))
    }

    /// A set: the sessions that may hold the segment, and all that do.
    pub(crate) fn holders(&self, segment_id: SegmentId) -> String {
        self.key(Tag::of_holders(segment_id), format_args!("holders:{segment_id}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rstest::rstest;

    use super::*;

    // What `CLUSTER KEYSLOT` answers.
    #[rstest]
    #[case(Tag::Bucket(0x00), 13_254)]
    #[case(Tag::Bucket(0xff), 11_756)]
    #[case(Tag::Pods, 15_413)]
    #[case(Tag::Format, 7_923)]
    fn slots_are_those_of_the_server(#[case] tag: Tag, #[case] slot: Slot) {
        assert_eq!(tag.slot(), slot);
    }

    #[test]
    fn ids_of_one_moment_spread_over_the_buckets() {
        let buckets: HashSet<_> =
            (0..4096).map(|_| Tag::of_session(SessionId::new()).slot()).collect();
        assert!(buckets.len() > 250, "{}", buckets.len());
    }

    #[test]
    fn a_sessions_keys_share_its_tag() {
        let keys = Keys::new(String::from("logs"));
        let (session, segment) = (Uuid::nil().into(), Uuid::max().into());
        assert_eq!(
            keys.entries((session, segment)),
            "logs:{00}:entries:00000000-0000-0000-0000-000000000000:ffffffff-ffff-ffff-ffff-ffffffffffff"
        );
        assert_eq!(keys.sessions(Tag::of_session(session)), "logs:{00}:sessions");
    }
}
