//! The names of all keys, their hash tags, and the slots that the tags fall into.

use std::fmt;

use session_store_core::{SegmentId, SegmentKey, SessionId};
use uuid::Uuid;

/// A hash slot of a Cluster. A single server owns all slots.
pub(crate) type Slot = u16;

/// The number of hash slots.
pub(crate) const SLOTS: usize = 16_384;

/// A hash tag: the part of a key between braces.
///
/// Redis computes the slot of a key from its tag alone. Keys with the same tag are therefore in the
/// same slot, and one script can change them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    /// One of 256 buckets. A session belongs to one bucket, and so does the list of the sessions
    /// that may hold a segment.
    Bucket(u8),
    /// The pods.
    Pods,
    /// The format version.
    Format,
}

impl Tag {
    /// Returns the tag of a session and all its segments.
    pub(crate) fn of_session(session_id: SessionId) -> Self {
        Self::Bucket(bucket(session_id.into()))
    }

    /// Returns the tag of a segment's holders, which are the sessions that may hold the segment.
    pub(crate) fn of_holders(segment_id: SegmentId) -> Self {
        Self::Bucket(bucket(segment_id.into()))
    }

    /// Returns the tags of all sessions.
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

/// Returns the bucket of an id. The bucket depends on all bytes, because each version of UUIDs has
/// its random bytes at other positions.
fn bucket(id: Uuid) -> u8 {
    crc16(id.as_bytes()).to_le_bytes()[0]
}

/// Computes CRC-16/XMODEM, the checksum by which Redis assigns keys to slots.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 }
        })
    })
}

/// A key of a log, a trace, a quarantine, or one of the indexes that list logs and traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredKey {
    /// The sessions of a bucket.
    Sessions(Tag),
    /// The segments of a session.
    Segments(SessionId),
    /// The segments of a session that have a trace.
    Traces(SessionId),
    /// The metadata of a log.
    Log(SegmentKey),
    /// The entries of a log.
    Entries(SegmentKey),
    /// A trace.
    Trace(SegmentKey),
    /// The texts that a repair has moved out of a log and a trace.
    Quarantine(SegmentKey),
}

/// The keys under one prefix.
///
/// Other versions of this crate use the same storage at the same time. A name or type of a key
/// therefore changes only together with the format version.
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

    /// A string: the format version.
    pub(crate) fn format(&self) -> String {
        self.key(Tag::Format, "version")
    }

    /// A hash: the pods by name.
    pub(crate) fn pods(&self) -> String {
        self.key(Tag::Pods, "pods")
    }

    /// A string that expires: the last change of a writer, by which the script recognizes a repeat
    /// of this change.
    pub(crate) fn writer(&self, tag: Tag, token: &str) -> String {
        self.key(tag, format_args!("writer:{token}"))
    }

    /// A list that expires: staged entries, which a later call adds to a log.
    pub(crate) fn staging(&self, tag: Tag, token: &str) -> String {
        self.key(tag, format_args!("staging:{token}"))
    }

    /// A list that exists only within a transaction: the log's entries while entries are pushed.
    ///
    /// The stamp of the change is in the name, so that no other change uses the list.
    pub(crate) fn pending(&self, key: SegmentKey, stamp: &str) -> String {
        format!("{}:{stamp}", self.of_segment("pending", key))
    }

    /// A key that is never set.
    ///
    /// While a slot moves to another node, some of its keys are on the old node and some on the new
    /// one. During the move, a node refuses to start a script if the node lacks a key that the
    /// script declares. No node has this key. So a script that declares it is sent again until the
    /// move is over.
    ///
    /// Scripts that delete keys must wait in this way. Without the wait, a script could delete a
    /// key, and the node could then take the deleted key for a moved key. The node would refuse the
    /// script's next access to that key, and the script would end half-way.
    pub(crate) fn never(&self, tag: Tag) -> String {
        self.key(tag, "never")
    }

    /// A sorted set: the sessions of a bucket that have a segment.
    pub(crate) fn sessions(&self, tag: Tag) -> String {
        self.key(tag, "sessions")
    }

    /// A sorted set: the segments of a session.
    pub(crate) fn segments(&self, session_id: SessionId) -> String {
        self.key(Tag::of_session(session_id), format_args!("segments:{session_id}"))
    }

    /// A sorted set: the segments of a session that have a trace.
    pub(crate) fn traces(&self, session_id: SessionId) -> String {
        self.key(Tag::of_session(session_id), format_args!("traces:{session_id}"))
    }

    /// A hash: the log's metadata. The log exists if the hash does.
    pub(crate) fn log(&self, key: SegmentKey) -> String {
        self.of_segment("log", key)
    }

    /// A list: the log's entries.
    pub(crate) fn entries(&self, key: SegmentKey) -> String {
        self.of_segment("entries", key)
    }

    /// A list: the segment's trace.
    pub(crate) fn trace(&self, key: SegmentKey) -> String {
        self.of_segment("trace", key)
    }

    /// A list: the texts that a repair has moved out of the segment's log and trace.
    pub(crate) fn quarantine(&self, key: SegmentKey) -> String {
        self.of_segment("quarantine", key)
    }

    /// Returns the pattern that `SCAN` matches against keys. The pattern matches every
    /// [`StoredKey`], and some other keys too.
    ///
    /// A key of holders is not a [`StoredKey`]. The pattern excludes such a key by the first letter
    /// of `holders`.
    pub(crate) fn pattern(&self) -> String {
        let is_special = |letter: char| matches!(letter, '*' | '?' | '[' | ']' | '\\');
        let prefix = self.prefix.chars().flat_map(|letter| {
            is_special(letter).then_some('\\').into_iter().chain(std::iter::once(letter))
        });
        format!("{}:{{??}}:[elqst]*", prefix.collect::<String>())
    }

    /// Parses a key. Returns `None` for a key of another kind, and for a key of another program.
    pub(crate) fn parse(&self, key: &[u8]) -> Option<StoredKey> {
        let text = str::from_utf8(key).ok()?;
        let (tag, rest) =
            text.strip_prefix(self.prefix.as_str())?.strip_prefix(":{")?.split_once("}:")?;
        let (kind, ids) = rest.split_once(':').unwrap_or((rest, ""));
        let (session, segment) = ids.split_once(':').unwrap_or((ids, ""));
        let of_session = || session.parse().ok();
        let of_segment = || Some(SegmentKey::new(of_session()?, segment.parse().ok()?));
        let stored = match kind {
            "sessions" => StoredKey::Sessions(Tag::Bucket(u8::from_str_radix(tag, 16).ok()?)),
            "segments" => StoredKey::Segments(of_session()?),
            "traces" => StoredKey::Traces(of_session()?),
            "log" => StoredKey::Log(of_segment()?),
            "entries" => StoredKey::Entries(of_segment()?),
            "trace" => StoredKey::Trace(of_segment()?),
            "quarantine" => StoredKey::Quarantine(of_segment()?),
            _ => return None,
        };
        // The tag and the spelling of the ids must be as this crate writes them.
        (self.name(stored) == text).then_some(stored)
    }

    fn name(&self, key: StoredKey) -> String {
        match key {
            StoredKey::Sessions(tag) => self.sessions(tag),
            StoredKey::Segments(session_id) => self.segments(session_id),
            StoredKey::Traces(session_id) => self.traces(session_id),
            StoredKey::Log(key) => self.log(key),
            StoredKey::Entries(key) => self.entries(key),
            StoredKey::Trace(key) => self.trace(key),
            StoredKey::Quarantine(key) => self.quarantine(key),
        }
    }

    fn of_segment(&self, kind: &str, key: SegmentKey) -> String {
        let SegmentKey { session_id, segment_id } = key;
        self.key(Tag::of_session(session_id), format_args!("{kind}:{session_id}:{segment_id}"))
    }

    /// A set: the sessions that may hold the segment. All sessions that hold the segment are in it.
    pub(crate) fn holders(&self, segment_id: SegmentId) -> String {
        self.key(Tag::of_holders(segment_id), format_args!("holders:{segment_id}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rstest::rstest;

    use super::*;

    // The expected slots are the replies of `CLUSTER KEYSLOT`.
    #[rstest]
    #[case(Tag::Bucket(0x00), 13_254)]
    #[case(Tag::Bucket(0xff), 11_756)]
    #[case(Tag::Pods, 15_413)]
    #[case(Tag::Format, 7_923)]
    fn a_tag_has_the_slot_that_the_server_computes(#[case] tag: Tag, #[case] slot: Slot) {
        assert_eq!(tag.slot(), slot);
    }

    /// `docs/SCALE.md` has these numbers.
    #[rstest]
    #[case(3, 89)]
    #[case(6, 51)]
    #[case(12, 28)]
    #[case(24, 19)]
    #[case(48, 12)]
    fn the_largest_of_equal_slot_ranges_has_this_many_buckets(
        #[case] nodes: usize,
        #[case] largest: usize,
    ) {
        let mut of_node = vec![0; nodes];
        Tag::buckets().for_each(|tag| of_node[usize::from(tag.slot()) * nodes / SLOTS] += 1);
        assert_eq!(of_node.into_iter().max(), Some(largest));
    }

    #[test]
    fn ids_of_one_moment_fall_into_most_buckets() {
        let buckets: HashSet<_> =
            (0..4096).map(|_| Tag::of_session(SessionId::new()).slot()).collect();
        assert!(buckets.len() > 250, "{}", buckets.len());
    }

    #[test]
    fn keys_of_one_session_have_the_same_tag() {
        let keys = Keys::new(String::from("logs"));
        let (session, segment) = (Uuid::nil().into(), Uuid::max().into());
        assert_eq!(
            keys.entries(SegmentKey { session_id: session, segment_id: segment }),
            "logs:{00}:entries:00000000-0000-0000-0000-000000000000:ffffffff-ffff-ffff-ffff-ffffffffffff"
        );
        assert_eq!(keys.sessions(Tag::of_session(session)), "logs:{00}:sessions");
    }

    #[test]
    fn a_key_is_parsed_back() {
        let keys = Keys::new(String::from("a:{x"));
        let session_id = SessionId::new();
        let key = SegmentKey::new(session_id, SegmentId::new());
        for stored in [
            StoredKey::Sessions(Tag::Bucket(0xa0)),
            StoredKey::Segments(session_id),
            StoredKey::Traces(session_id),
            StoredKey::Log(key),
            StoredKey::Entries(key),
            StoredKey::Trace(key),
            StoredKey::Quarantine(key),
        ] {
            assert_eq!(keys.parse(keys.name(stored).as_bytes()), Some(stored));
        }
    }

    #[rstest]
    #[case("logs:{00}:sessions:x")]
    #[case("logs:{A0}:sessions")]
    #[case("logs:{format}:version")]
    #[case("logs:{01}:segments:00000000-0000-0000-0000-000000000000")]
    #[case("logs:{00}:segments:{00000000-0000-0000-0000-000000000000}")]
    #[case("logs:{00}:log:00000000-0000-0000-0000-000000000000")]
    #[case("logs2:{00}:sessions")]
    fn a_key_of_another_program_is_not_parsed(#[case] key: &str) {
        assert_eq!(Keys::new(String::from("logs")).parse(key.as_bytes()), None);
    }

    #[test]
    fn special_letters_of_the_prefix_are_escaped_in_the_pattern() {
        let pattern = Keys::new(String::from(r"a*b[c]\?")).pattern();
        assert_eq!(pattern, r"a\*b\[c\]\\\?:{??}:[elqst]*");
    }
}
