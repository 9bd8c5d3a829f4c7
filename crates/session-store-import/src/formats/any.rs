//! Any JSONL file: the format for programs that do not have their own format here.

use serde_json::Value;
use session_store_core::LogEntry;
use uuid::Uuid;

use super::blocks::{has_result, text_of, tool_calls};
use crate::candidate::Candidate;
use crate::description::{Description, Role};
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, as_uuid, derived_id, uuids_in};
use crate::time::time_of;
use crate::value::value_of;

/// Any file of JSON lines. The name of the file ends with `.jsonl` or `.ndjson`.
///
/// The id of the session is the first of these ids that exists:
/// 1. the first UUID in the name of the file,
/// 2. the name of the file's folder, if the name is a UUID,
/// 3. the field `sessionId` or `session_id` of the first entry, if it is a UUID,
/// 4. the id that is derived from the name of the file and the first entry.
///
/// The id of the segment is the last UUID in the name of the file. If the name contains no UUID,
/// the segment has the derived id of item 4. A log keeps its ids when the log grows, and when its
/// folder is moved.
#[derive(Clone, Copy, Debug)]
pub struct AnyJsonl;

impl Format for AnyJsonl {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        file.stem("jsonl").or_else(|| file.stem("ndjson"))?;
        Some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let stem = file.name().rsplit_once('.').map_or(file.name(), |(stem, _)| stem);
        let mut ids = uuids_in(stem);
        if let Some(id) = ids.next() {
            return Identity::new(id, ids.last().unwrap_or(id));
        }
        let segment = derived_id(self.name(), &format!("{stem}\0{}", first.as_json()));
        let session = as_uuid(file.folder()).or_else(|| session_in(first)).unwrap_or(segment);
        Identity::new(session, segment)
    }

    fn recognize(&self, _first: &[LogEntry]) -> bool {
        true
    }

    /// Looks for fields that many programs use.
    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        let text = |names: &[&str]| {
            names.iter().find_map(|name| value.get(name)?.as_str()).map(str::to_owned)
        };
        let content = &value["content"];
        let role = text(&["role", "type", "kind"]).and_then(|role| Role::of(&role));
        Description {
            time: time_of(entry),
            role: if has_result(content) { Some(Role::Tool) } else { role },
            title: text(&["title"]),
            text: text(&["text", "content", "message"]).or_else(|| text_of(content)),
            id: text(&["id", "uuid"]),
            parent: text(&["parentId", "parent_id", "parentUuid"]),
            tool_calls: tool_calls(content),
        }
    }
}

/// Returns the session id that an entry contains.
pub(crate) fn session_in(entry: &LogEntry) -> Option<Uuid> {
    let value: Value = entry.decode().ok()?;
    let field = |name| as_uuid(value.get(name)?.as_str()?);
    field("sessionId").or_else(|| field("session_id"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    const S: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
    const G: &str = "019a93b9-f380-7600-98ff-940e6b99603c";
    const SESSION: &str = r#"{"sessionId":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68"}"#;

    /// If the expected id is `None`, the log must have the derived id.
    #[rstest]
    #[case::one_id("/a/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "{}", Some(S), Some(S))]
    #[case::two_ids(
        "/a/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68_019a93b9-f380-7600-98ff-940e6b99603c.jsonl",
        "{}",
        Some(S),
        Some(G)
    )]
    #[case::folder("/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/events.jsonl", "{}", Some(S), None)]
    #[case::other_folder("/x-0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/e.jsonl", "{}", None, None)]
    #[case::content("/a/agent.jsonl", SESSION, Some(S), None)]
    #[case::content_is_not_an_id("/a/agent.jsonl", r#"{"session_id":"c"}"#, None, None)]
    #[case::nothing("/a/log", "{}", None, None)]
    fn ids_come_from_the_name_the_folder_or_the_first_entry(
        #[case] path: &str,
        #[case] first: &str,
        #[case] session: Option<&str>,
        #[case] segment: Option<&str>,
    ) {
        let first = LogEntry::from_json(first).unwrap();
        let Identity { key, .. } = AnyJsonl.identify(&Candidate::new(Path::new(path), b""), &first);
        let expected_segment =
            segment.map_or_else(|| key.segment_id.to_string(), ToString::to_string);
        assert_eq!(key.segment_id.to_string(), expected_segment);
        assert_eq!(key.session_id.to_string(), session.unwrap_or(&expected_segment));
        assert_eq!(Uuid::from(key.segment_id).get_version_num() == 5, segment.is_none());
    }

    #[test]
    fn a_derived_id_depends_on_the_name_and_the_first_entry() {
        let id = |path, first| {
            let first = LogEntry::from_json(first).unwrap();
            AnyJsonl.identify(&Candidate::new(Path::new(path), b""), &first).key
        };
        assert_eq!(id("/a/log.jsonl", "{}"), id("/b/c/log.jsonl.gz", "{}"));
        assert_ne!(id("/a/log.jsonl", "{}"), id("/a/log2.jsonl", "{}"));
        assert_ne!(id("/a/log.jsonl", "{}"), id("/a/log.jsonl", r#"{"a":1}"#));
    }
}
