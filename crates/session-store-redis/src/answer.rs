//! What the scripts answer: words for changes, lists for reads.

use redis::Value;
use session_store_core::Head;

/// What a script that changes something answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done, now or before, and the log's head then was this.
    Head(Head),
    /// It is done, now or before.
    Done,
    /// There was nothing to do.
    Nothing,
    /// The head is not the expected one.
    Conflict(Option<Head>),
    /// The segment does not exist, and may not be created.
    Absent,
    /// There are only so many entries.
    Past(usize),
    /// The session has segments that the call did not name.
    Grown,
    /// What was staged is gone.
    Unstaged,
}

impl Answer {
    /// `None` for what no script says.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let text = text(value)?;
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match word {
            "head" => Self::Head(head(rest)?),
            "conflict" if rest == "none" => Self::Conflict(None),
            "conflict" => Self::Conflict(Some(head(rest)?)),
            "past" => Self::Past(rest.parse().ok()?),
            "absent" => Self::Absent,
            "grown" => Self::Grown,
            "unstaged" => Self::Unstaged,
            "staged" | "traced" | "put" | "deleted" => Self::Done,
            "nothing" => Self::Nothing,
            _ => return None,
        })
    }
}

/// A head as the scripts write it: as `Head` displays itself, the token being the stamp of the log's last
/// change. Every change has a stamp of its own, so a head also tells whether the last append still is the
/// one that was acknowledged, after a failover that lost some (H1).
pub(crate) fn head(text: &str) -> Option<Head> {
    let (count, stamp) = text.split_once('@')?;
    Some(Head::new(count.parse().ok()?, u128::from_str_radix(stamp, 16).ok()?))
}

/// A head, or `none`; the outer `None` for anything else.
pub(crate) fn head_or_none(value: &Value) -> Option<Option<Head>> {
    match text(value)? {
        "none" => Some(None),
        text => head(text).map(Some),
    }
}

/// A part of a log as it was at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) head: Head,
    /// Changes when entries are cut or replaced, and only then.
    pub(crate) epoch: Vec<u8>,
    pub(crate) texts: Vec<Vec<u8>>,
}

impl Part {
    /// A log that does not exist is the inner `None`.
    pub(crate) fn parse(value: Value) -> Option<Option<Self>> {
        let mut items = texts(value)?.into_iter();
        let Some(first) = items.next() else { return Some(None) };
        let head = head(str::from_utf8(&first).ok()?)?;
        Some(Some(Self { head, epoch: items.next()?, texts: items.collect() }))
    }
}

/// A list of byte strings.
pub(crate) fn texts(value: Value) -> Option<Vec<Vec<u8>>> {
    let (Value::Array(items) | Value::Set(items)) = value else { return None };
    let bytes = items.into_iter().map(|item| match item {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    });
    bytes.collect()
}

/// A byte string that may be missing.
pub(crate) fn optional(value: Value) -> Option<Option<Vec<u8>>> {
    match value {
        Value::Nil => Some(None),
        Value::BulkString(bytes) => Some(Some(bytes)),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => str::from_utf8(bytes).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HEAD: Head = Head::new(3, 0xa);

    #[rstest]
    #[case("head 3@0000000000000000000000000000000a", Some(Answer::Head(HEAD)))]
    #[case("conflict 3@a", Some(Answer::Conflict(Some(HEAD))))]
    #[case("conflict none", Some(Answer::Conflict(None)))]
    #[case("past 7", Some(Answer::Past(7)))]
    #[case("absent", Some(Answer::Absent))]
    #[case("nothing", Some(Answer::Nothing))]
    #[case("deleted", Some(Answer::Done))]
    #[case("head", None)]
    #[case("head 3@", None)]
    #[case("superseded", None)]
    fn words_mean(#[case] text: &str, #[case] answer: Option<Answer>) {
        assert_eq!(Answer::parse(&Value::BulkString(text.into())), answer);
    }

    #[test]
    fn a_head_is_written_as_it_is_read() {
        assert_eq!(head(&HEAD.to_string()), Some(HEAD));
    }

    #[test]
    fn a_part_has_head_and_epoch_before_its_texts() {
        let value = |items: &[&str]| {
            Value::Array(items.iter().map(|item| Value::BulkString((*item).into())).collect())
        };
        let part = Part { head: HEAD, epoch: b"e".to_vec(), texts: vec![b"{}".to_vec()] };
        assert_eq!(Part::parse(value(&["3@a", "e", "{}"])), Some(Some(part)));
        assert_eq!(Part::parse(value(&[])), Some(None));
        assert_eq!(Part::parse(value(&["3@a"])), None);
    }
}
