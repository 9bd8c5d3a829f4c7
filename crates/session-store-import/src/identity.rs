//! `Identity`: the ids of a log in the store. If a program does not give an id, the id is derived
//! from a stable name.

use session_store_core::SegmentKey;
use uuid::Uuid;

/// The namespace of derived ids.
const DERIVED: Uuid = Uuid::from_u128(0x3f0e_6c1d_52a4_4b7e_9d83_17c5_e2b0_a46f);

/// The ids of a log, and the log from which it was forked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The ids of the session and the segment. The session id is the id that the program shows to
    /// its user.
    pub key: SegmentKey,
    /// The log from which this log was forked, if the program records the origin.
    pub origin: Option<Origin>,
}

/// A place in another log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The log, which need not be stored.
    pub key: SegmentKey,
    /// The program's own id of the last entry that both logs have, if the program records this id.
    pub entry: Option<String>,
}

impl Identity {
    /// Creates the identity of a log that was not forked.
    #[must_use]
    pub fn new(session: Uuid, segment: Uuid) -> Self {
        Self { key: SegmentKey::new(session.into(), segment.into()), origin: None }
    }

    /// Sets the log from which this log was forked.
    #[must_use]
    pub fn forked_from(mut self, origin: impl Into<Option<Origin>>) -> Self {
        self.origin = origin.into();
        self
    }
}

impl Origin {
    /// Creates an origin without a place in the log.
    #[must_use]
    pub fn new(session: Uuid, segment: Uuid) -> Self {
        Self { key: SegmentKey::new(session.into(), segment.into()), entry: None }
    }
}

/// Returns the id for a name that a program gives to a log: a UUID of version 5.
///
/// The same log must always get the same name, so the name must not contain a time, or the name of
/// a folder that can be renamed. Different logs must get different names, so the name usually
/// begins with the id of the session.
#[must_use]
pub fn derived_id(format: &str, name: &str) -> Uuid {
    Uuid::new_v5(&DERIVED, format!("{format}\0{name}").as_bytes())
}

/// Returns the hyphenated UUIDs in a name, in their order.
pub fn uuids_in(name: &str) -> impl Iterator<Item = Uuid> {
    const LENGTH: usize = 36;
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = name.as_bytes();
        let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
        while at + LENGTH <= bytes.len() {
            let (start, end) = (at, at + LENGTH);
            at += 1;
            let is_delimited = !is_hex(start.checked_sub(1).and_then(|before| bytes.get(before)))
                && !is_hex(bytes.get(end));
            // The parser also accepts other spellings of a UUID, for example in braces. This
            // function accepts only the spelling of 36 bytes with hyphens.
            let text = name.get(start..end).filter(|text| text.as_bytes()[8] == b'-');
            if let Some(id) = text.filter(|_| is_delimited).and_then(|text| text.parse().ok()) {
                at = end;
                return Some(id);
            }
        }
        None
    })
}

/// Returns the UUID if the whole name is a UUID.
#[must_use]
pub fn as_uuid(name: &str) -> Option<Uuid> {
    (name.len() == 36).then(|| uuids_in(name).next()).flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const A: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
    const B: &str = "019a93b9-f380-7600-98ff-940e6b99603c";

    #[rstest]
    #[case::whole("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68", &[A])]
    #[case::upper_case("0CCF1A04-1B4C-43B6-8AA5-79E41DB43A68 copy", &[A])]
    #[case::two("r-0ccf1a04-1b4c-43b6-8aa5-79e41db43a68_019a93b9-f380-7600-98ff-940e6b99603c", &[A, B])]
    #[case::after_a_date("rollout-2025-11-17T15-30-28-019a93b9-f380-7600-98ff-940e6b99603c", &[B])]
    #[case::longer_hex("a0ccf1a04-1b4c-43b6-8aa5-79e41db43a68", &[])]
    #[case::braces("{0ccf1a041b4c43b68aa579e41db43a680000}", &[])]
    #[case::not_ascii("sitzung-ü-長い名前のファイルでもだいじょうぶ", &[])]
    fn uuids_are_found_in_a_name(#[case] name: &str, #[case] expected: &[&str]) {
        let found: Vec<_> = uuids_in(name).map(|id| id.to_string()).collect();
        assert_eq!(found, expected);
    }

    /// If this test fails, the rule for derived ids has changed. The next import of every user
    /// would then store every log again.
    #[test]
    fn derived_ids_never_change() {
        let id = derived_id("claude-code", "a/b.jsonl");
        assert_eq!(id.to_string(), "172e40e8-a44b-539b-86e6-394320956deb");
        assert_eq!(id.get_version_num(), 5);
        assert_ne!(id, derived_id("codex", "a/b.jsonl"));
    }
}
