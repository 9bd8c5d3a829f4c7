//! Parses the replies of the scripts and of plain commands.

use std::str::FromStr;

use redis::Value;
use session_store_core::Head;

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

/// Parses a head. A script writes a head in the form of the `Display` text of `Head`.
///
/// A head contains the number of entries and a token. The token is the stamp of the log's last
/// change. Every change has its own random stamp, even an append. If a failover loses acknowledged
/// entries, a head from before the failover therefore never matches again
/// ([H1](session_store_core::contract#h1)).
pub(crate) fn head(text: &str) -> Parsed<Head> {
    number(text)
}

/// Parses a head, or `none`.
fn head_or_none(text: &str) -> Parsed<Option<Head>> {
    if text == "none" { Ok(None) } else { head(text).map(Some) }
}

/// Returns the items of a list.
pub(crate) fn values(value: Value) -> Parsed<Vec<Value>> {
    match value {
        Value::Array(items) | Value::Set(items) => Ok(items),
        _ => Err(RequestError::UnexpectedReply),
    }
}

/// Converts a list to an array. Fails if the list does not have `N` values.
pub(crate) fn array<const N: usize>(values: Vec<Value>) -> Parsed<[Value; N]> {
    values.try_into().map_err(|_| RequestError::UnexpectedReply)
}

/// Returns the items of a list of byte strings.
pub(crate) fn byte_strings(value: Value) -> Parsed<Vec<Vec<u8>>> {
    values(value)?.into_iter().map(byte_string).collect()
}

/// Returns a byte string.
pub(crate) fn byte_string(value: Value) -> Parsed<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(RequestError::UnexpectedReply),
    }
}

/// Returns a byte string, or `None` for nil.
pub(crate) fn byte_string_or_nil(value: Value) -> Parsed<Option<Vec<u8>>> {
    match value {
        Value::Nil => Ok(None),
        value => byte_string(value).map(Some),
    }
}

pub(crate) fn utf8(bytes: &[u8]) -> Parsed<&str> {
    str::from_utf8(bytes).map_err(|_| RequestError::UnexpectedReply)
}

/// Parses a number.
pub(crate) fn number<T: FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| RequestError::UnexpectedReply)
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
}
