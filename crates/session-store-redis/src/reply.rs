//! Parses the replies of the scripts and of plain commands.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use redis::Value;
use session_store_core::{Head, SegmentInfo};

use crate::error::RequestError;

type Parsed<T> = Result<T, RequestError>;

/// The reply of a script that makes a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChangeReply {
    /// The change was made, and the log has this head now.
    Head(Head),
    /// The change was made.
    Done,
    /// There was nothing to change.
    Nothing,
    /// The head differs from the expected one.
    Conflict(Option<Head>),
    /// The segment does not exist, and the call must not create it.
    Absent,
    /// The log has only this number of entries, which is less than the truncate must keep.
    Past(usize),
    /// The session has segments that the call did not name.
    Grown,
    /// The log or the trace has changed since it was read.
    Changed,
    /// The staged entries, which earlier calls have sent, do not exist any more.
    Unstaged,
    /// The stored pod differs from the expected one.
    PodConflict,
}

impl ChangeReply {
    pub(crate) fn parse(value: &Value) -> Parsed<Self> {
        let Value::BulkString(bytes) = value else { return Err(RequestError::UnexpectedReply) };
        let text = utf8(bytes)?;
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Ok(match word {
            "head" => Self::Head(head(rest)?),
            "conflict" => Self::Conflict(head_or_none(rest)?),
            "past" => Self::Past(number(rest)?),
            "absent" => Self::Absent,
            "grown" => Self::Grown,
            "changed" => Self::Changed,
            "unstaged" => Self::Unstaged,
            "pod_conflict" => Self::PodConflict,
            "staged" | "traced" | "put" | "deleted" | "moved" => Self::Done,
            "nothing" => Self::Nothing,
            _ => return Err(RequestError::UnexpectedReply),
        })
    }
}

/// Parses a head, which a script writes as `Head` displays itself.
///
/// A head contains the number of entries and a token. The token is the stamp of the log's last
/// change. Every change has its own random stamp, even an append. If a failover loses acknowledged
/// entries, a head from before the failover therefore never matches again
/// ([H1](session_store_core::contract#h1)).
fn head(text: &str) -> Parsed<Head> {
    number(text)
}

/// Parses a head, or `none`.
fn head_or_none(text: &str) -> Parsed<Option<Head>> {
    if text == "none" { Ok(None) } else { head(text).map(Some) }
}

/// Parses the `SegmentInfo` of one log: its head or `none`, its size, and the time of its last
/// change.
pub(crate) fn info(bytes: &[u8]) -> Parsed<Option<SegmentInfo>> {
    let mut words = utf8(bytes)?.split(' ');
    let mut word = || words.next().ok_or(RequestError::UnexpectedReply);
    let head = head_or_none(word()?)?;
    let (bytes, micros) = (number_or_dash(word()?)?, number_or_dash(word()?)?);
    let modified = micros.and_then(|micros| UNIX_EPOCH.checked_add(Duration::from_micros(micros)));
    Ok(head.map(|head| SegmentInfo::new(head).with_bytes(bytes).with_modified(modified)))
}

/// A part of a log at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LogPart {
    pub(crate) head: Head,
    /// The epoch, a random mark that changes when entries are cut or replaced. An append does not
    /// change the epoch.
    pub(crate) epoch: Vec<u8>,
    pub(crate) texts: Vec<Vec<u8>>,
}

impl LogPart {
    /// Parses head, epoch and entries. An empty list means that the log does not exist.
    pub(crate) fn parse(value: Value) -> Parsed<Option<Self>> {
        let mut items = byte_strings(value)?.into_iter();
        let Some(first) = items.next() else { return Ok(None) };
        let head = head(utf8(&first)?)?;
        let epoch = items.next().ok_or(RequestError::UnexpectedReply)?;
        Ok(Some(Self { head, epoch, texts: items.collect() }))
    }
}

/// Returns the items of a list of byte strings.
pub(crate) fn byte_strings(value: Value) -> Parsed<Vec<Vec<u8>>> {
    let (Value::Array(items) | Value::Set(items)) = value else {
        return Err(RequestError::UnexpectedReply);
    };
    let bytes = items.into_iter().map(|item| match item {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(RequestError::UnexpectedReply),
    });
    bytes.collect()
}

/// Returns a byte string, or `None` for nil.
pub(crate) fn byte_string_or_nil(value: Value) -> Parsed<Option<Vec<u8>>> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        _ => Err(RequestError::UnexpectedReply),
    }
}

fn utf8(bytes: &[u8]) -> Parsed<&str> {
    str::from_utf8(bytes).map_err(|_| RequestError::UnexpectedReply)
}

/// Parses a number.
pub(crate) fn number<T: FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| RequestError::UnexpectedReply)
}

fn number_or_dash(text: &str) -> Parsed<Option<u64>> {
    if text == "-" { Ok(None) } else { number(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HEAD: Head = Head::new(3, 0xa);

    #[rstest]
    #[case("head 3@0000000000000000000000000000000a", Some(ChangeReply::Head(HEAD)))]
    #[case("conflict 3@0000000000000000000000000000000a", Some(ChangeReply::Conflict(Some(HEAD))))]
    #[case("conflict none", Some(ChangeReply::Conflict(None)))]
    #[case("past 7", Some(ChangeReply::Past(7)))]
    #[case("absent", Some(ChangeReply::Absent))]
    #[case("nothing", Some(ChangeReply::Nothing))]
    #[case("deleted", Some(ChangeReply::Done))]
    #[case("head", None)]
    #[case("head 3@", None)]
    #[case("superseded", None)]
    fn a_reply_to_a_change_is_parsed(#[case] text: &str, #[case] expected: Option<ChangeReply>) {
        assert_eq!(ChangeReply::parse(&Value::BulkString(text.into())).ok(), expected);
    }

    #[test]
    fn a_displayed_head_is_parsed_back() {
        assert_eq!(head(&HEAD.to_string()).unwrap(), HEAD);
    }

    #[rstest]
    #[case("none - -", None)]
    #[case("HEAD - -", Some(SegmentInfo::new(HEAD)))]
    #[case("HEAD 12 -", Some(SegmentInfo::new(HEAD).with_bytes(Some(12))))]
    #[case("HEAD 0 2000000", Some(SegmentInfo::new(HEAD).with_bytes(Some(0)).with_modified(
        Some(UNIX_EPOCH + Duration::from_secs(2))
    )))]
    fn the_facts_of_a_log_are_parsed(#[case] text: &str, #[case] expected: Option<SegmentInfo>) {
        let text = text.replace("HEAD", &HEAD.to_string());
        assert_eq!(info(text.as_bytes()).unwrap(), expected);
        assert!(info(HEAD.to_string().as_bytes()).is_err());
    }

    #[test]
    fn a_part_of_a_log_is_parsed() {
        let value = |items: &[&str]| {
            Value::Array(items.iter().map(|item| Value::BulkString((*item).into())).collect())
        };
        let part = LogPart { head: HEAD, epoch: b"e".to_vec(), texts: vec![b"{}".to_vec()] };
        assert_eq!(LogPart::parse(value(&[&HEAD.to_string(), "e", "{}"])).unwrap(), Some(part));
        assert_eq!(LogPart::parse(value(&[])).unwrap(), None);
        assert!(LogPart::parse(value(&[&HEAD.to_string()])).is_err());
    }
}
