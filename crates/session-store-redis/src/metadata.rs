//! The metadata of a log: the commands that read it without a script, and the parser.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Cmd, Value};
use session_store_core::{Head, SegmentInfo, SegmentKey};

use crate::disposition::Disposition;
use crate::error::RequestError;
use crate::keys::Keys;
use crate::reply::{byte_string_or_nil, head, number, utf8};

/// The metadata of a log at one moment. The script `head.lua` reads the same fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) info: SegmentInfo,
    /// The epoch, a random mark that changes when entries are cut or replaced. An append does not
    /// change the epoch.
    pub(crate) epoch: Vec<u8>,
}

/// Returns the commands that read the metadata. Both must be executed in one step.
pub(crate) fn commands(keys: &Keys, key: SegmentKey) -> Vec<Cmd> {
    let (mut fields, mut count) = (redis::cmd("HMGET"), redis::cmd("LLEN"));
    fields.arg(keys.log(key)).arg(&["stamp", "epoch", "info"]);
    count.arg(keys.entries(key));
    vec![fields, count]
}

impl Metadata {
    /// Parses the three fields and the number of entries. Returns `None` if the log does not exist.
    ///
    /// # Errors
    /// An error with the code `APART` if one of the two keys of the log is lost.
    pub(crate) fn parse(
        keys: &Keys,
        key: SegmentKey,
        fields: [Value; 3],
        count: &Value,
    ) -> Result<Option<Self>, RequestError> {
        let &Value::Int(count) = count else { return Err(RequestError::UnexpectedReply) };
        let count = usize::try_from(count).map_err(|_| RequestError::UnexpectedReply)?;
        let [stamp, epoch, info] = fields.map(byte_string_or_nil);
        let Some(stamp) = stamp? else {
            let list = keys.entries(key);
            let lost = format!("a log is missing beside its list {list}");
            return if count == 0 { Ok(None) } else { Err(apart(lost)) };
        };
        let epoch = epoch?.unwrap_or_default();
        if count == 0 && stamp != epoch {
            let log = keys.log(key);
            return Err(apart(format!("the list of entries is missing beside the log {log}")));
        }
        let info = info?.unwrap_or_default();
        let (stamp, info) = (utf8(&stamp)?, utf8(&info)?);
        let (bytes, modified) = size_and_time(info, stamp);
        let info = SegmentInfo::new(head(&format!("{count}@{stamp}"))?)
            .with_bytes(bytes)
            .with_modified(modified);
        Ok(Some(Self { info, epoch }))
    }

    pub(crate) fn head(&self) -> Head {
        self.info.head
    }
}

/// Parses the field `info`. A value is unknown if an older version has made the last change.
fn size_and_time(info: &str, stamp: &str) -> (Option<u64>, Option<SystemTime>) {
    let mut words = info.split(' ');
    if words.next() != Some(stamp) {
        return (None, None);
    }
    let mut next = || words.next().and_then(|word| number::<u64>(word).ok());
    let (bytes, micros) = (next(), next());
    (bytes, micros.and_then(|micros| UNIX_EPOCH.checked_add(Duration::from_micros(micros))))
}

fn apart(lost: String) -> RequestError {
    let error = redis::make_extension_error(String::from("APART"), Some(lost));
    RequestError::not_executed(error, Disposition::Refused)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use session_store_core::{SegmentId, SessionId};

    use super::*;

    const STAMP: &str = "0000000000000000000000000000000a";

    /// Parses the metadata of a log. `S` stands for the stamp in each field.
    fn parse(fields: [Option<&str>; 3], count: i64) -> Result<Option<Metadata>, RequestError> {
        let key = SegmentKey::new(SessionId::new(), SegmentId::new());
        let value = |field: &str| Value::BulkString(field.replace('S', STAMP).into());
        let fields = fields.map(|field| field.map_or(Value::Nil, value));
        Metadata::parse(&Keys::new(String::from("p")), key, fields, &Value::Int(count))
    }

    #[rstest]
    #[case(None, None, None)]
    #[case(Some("S - 2000000"), None, Some(2))]
    #[case(Some("S 12 2000000"), Some(12), Some(2))]
    #[case(Some("0000000000000000000000000000000b 12 2000000"), None, None)]
    fn the_facts_of_a_log_are_parsed(
        #[case] info: Option<&str>,
        #[case] bytes: Option<u64>,
        #[case] seconds: Option<u64>,
    ) {
        let modified = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        let info = parse([Some("S"), Some("S+"), info], 3).unwrap().unwrap().info;
        let expected = SegmentInfo::new(Head::new(3, 0xa));
        assert_eq!(info, expected.with_bytes(bytes).with_modified(modified));
    }

    #[rstest]
    #[case([None, None, None], 0, Ok(false))]
    #[case([Some("S"), Some("S"), None], 0, Ok(true))]
    #[case([None, None, None], 1, Err("a log is missing"))]
    #[case([Some("S"), Some("S+"), None], 0, Err("the list of entries is missing"))]
    #[case([Some("S"), Some("0b+"), None], 0, Err("the list of entries is missing"))]
    fn a_log_exists_if_both_keys_do(
        #[case] fields: [Option<&str>; 3],
        #[case] count: i64,
        #[case] expected: Result<bool, &str>,
    ) {
        match (parse(fields, count), expected) {
            (Ok(metadata), Ok(exists)) => assert_eq!(metadata.is_some(), exists),
            (Err(RequestError::Server { error, transient: false }), Err(expected)) => {
                let is_apart = error.code() == Some("APART");
                assert!(is_apart && error.to_string().contains(expected), "{error}");
            }
            (parsed, _) => panic!("{parsed:?}"),
        }
    }
}
