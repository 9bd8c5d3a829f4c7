//! The session and segment ids of a log file: a pure function of its path and its time.
//!
//! These rules must never change. A later import finds the entries of an earlier one by these ids.
//! With other rules it would store everything a second time.

use std::ffi::OsStr;
use std::path::Path;

use session_store::SegmentKey;
use uuid::{Builder, Uuid};

/// The namespace of the path hashes.
const PATHS: Uuid = Uuid::from_u128(0xdd4f_3bd7_33b0_4d0e_aac9_b055_73a6_c6cf);

/// Returns the session and the segment that a file is stored as. `relative` is its path below the
/// given folder, and `millis` is its first time.
///
/// The segment id is the UUID in the file's name, else [`derived`]. For a file in a folder
/// `UUID/subagents`, the session id is that UUID. For every other file it is equal to the segment
/// id.
pub(crate) fn key_of(relative: &Path, millis: u64) -> SegmentKey {
    let segment =
        relative.file_name().and_then(uuid_in).unwrap_or_else(|| derived(relative, millis));
    let session = owner_of(relative).unwrap_or(segment);
    SegmentKey::new(session.into(), segment.into())
}

/// Returns the session of a file in a folder `UUID/subagents`.
pub(crate) fn owner_of(relative: &Path) -> Option<Uuid> {
    let folder = relative.parent()?;
    if folder.file_name()? != "subagents" {
        return None;
    }
    uuid_in(folder.parent()?.file_name()?)
}

/// Returns whether the id is derived, because the file's name does not contain a UUID.
pub(crate) fn is_derived(relative: &Path) -> bool {
    relative.file_name().and_then(uuid_in).is_none()
}

/// Returns a UUID version 7 with the time `millis`. Its other 74 bits are from the SHA-1 hash of
/// the path, with `/` between the names.
pub(crate) fn derived(relative: &Path, millis: u64) -> Uuid {
    let parts: Vec<_> = relative.iter().map(OsStr::as_encoded_bytes).collect();
    let hash = Uuid::new_v5(&PATHS, &parts.join(&b'/')).into_bytes();
    // Bytes 6 and 8 also contain the version and the variant, so they are left out.
    let mut bits = [0; 10];
    bits[..6].copy_from_slice(&hash[..6]);
    bits[6..].copy_from_slice(&hash[9..13]);
    Builder::from_unix_timestamp_millis(millis, &bits).into_uuid()
}

/// Returns the bits of a derived id that only depend on the path.
pub(crate) fn path_bits(id: Uuid) -> u128 {
    id.as_u128() << 48
}

/// Returns the time in a derived id.
pub(crate) fn millis_in(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).expect("48 of 128 bits are left")
}

/// Returns the first hyphenated UUID in a name.
fn uuid_in(name: &OsStr) -> Option<Uuid> {
    const LENGTH: usize = 36;
    let name = name.to_str()?;
    let is_delimited = |start: usize| {
        let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
        let bytes = name.as_bytes();
        !hex(start.checked_sub(1).and_then(|before| bytes.get(before)))
            && !hex(bytes.get(start + LENGTH))
    };
    let starts = (0..name.len()).filter(|start| is_delimited(*start));
    let candidates = starts.filter_map(|start| name.get(start..start + LENGTH));
    // The parser also accepts other spellings, such as one in braces. Those are not 36 bytes of
    // hyphenated text.
    candidates.filter(|text| text.as_bytes()[8] == b'-').find_map(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TIME: u64 = 0x0123_4567_89ab;
    const S: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
    const G: &str = "019a93b9-f380-7600-98ff-940e6b99603c";

    /// `None` means the derived id.
    #[rstest]
    #[case::claude_code("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", Some(S), Some(S))]
    #[case::in_a_folder("-home-me/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", Some(S), Some(S))]
    #[case::subagent(
        "p/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/agent-a5.jsonl",
        Some(S),
        None
    )]
    #[case::subagent_with_uuid(
        "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/019a93b9-f380-7600-98ff-940e6b99603c.jsonl",
        Some(S),
        Some(G)
    )]
    #[case::codex(
        "2025/11/17/rollout-2025-11-17T15-30-28-019a93b9-f380-7600-98ff-940e6b99603c.jsonl",
        Some(G),
        Some(G)
    )]
    #[case::upper_case("0CCF1A04-1B4C-43B6-8AA5-79E41DB43A68 copy.jsonl", Some(S), Some(S))]
    #[case::uuid_of_another_folder("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/log.jsonl", None, None)]
    #[case::no_folder_above("subagents/agent-a5.jsonl", None, None)]
    #[case::longer_hex("a0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", None, None)]
    #[case::plain("session.jsonl", None, None)]
    #[case::not_ascii("sitzung-ü-長い名前のファイルでもだいじょうぶ.jsonl", None, None)]
    fn ids_come_from_the_name_or_the_path(
        #[case] path: &str,
        #[case] session: Option<&str>,
        #[case] segment: Option<&str>,
    ) {
        let path = Path::new(path);
        let id =
            |text: Option<&str>| text.map_or_else(|| derived(path, TIME), |id| id.parse().unwrap());
        let expected = SegmentKey::new(id(session).into(), id(segment).into());
        assert_eq!(key_of(path, TIME), expected);
        assert_eq!(is_derived(path), segment.is_none());
    }

    /// If this fails, the rules have changed, and the next import of every user stores everything
    /// again.
    #[test]
    fn derived_ids_never_change() {
        let id = derived(Path::new("a/session.jsonl"), TIME);
        assert_eq!(id.to_string(), "01234567-89ab-7be5-ad29-c40ec767f5dd");
        assert_eq!(id.get_version_num(), 7);
    }

    #[test]
    fn derived_ids_are_ordered_by_time_and_differ_by_path() {
        let id = |path, millis| derived(Path::new(path), millis);
        assert!(id("z", 1) < id("a", 2));
        assert_ne!(id("a", 1), id("b", 1));
        assert_ne!(id("a/b", 1), id("ab", 1));
    }

    #[test]
    fn a_derived_id_contains_the_path_and_the_time() {
        let id = |path, millis| derived(Path::new(path), millis);
        assert_eq!(path_bits(id("a", 7)), path_bits(id("a", TIME)));
        assert_ne!(path_bits(id("a", 7)), path_bits(id("b", 7)));
        assert_eq!(millis_in(id("a", TIME)), TIME);
    }
}
