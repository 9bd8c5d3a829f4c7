//! The version and settings of the servers, which are checked when a store is opened.

use redis::{Connection, RedisError};

use crate::client::Client;
use crate::disposition::Disposition;
use crate::error::RequestError;

/// What the servers report.
pub(crate) struct Inspection {
    /// The settings that can lose data.
    pub(crate) warnings: Vec<String>,
    /// The longest text that all servers accept, as far as they report it.
    pub(crate) max_text_bytes: Option<usize>,
}

/// Queries all servers. Each must be reachable at the first attempt.
pub(crate) fn servers(client: &Client) -> Result<Inspection, RequestError> {
    let deadline = client.deadline();
    let failed = |error: RedisError| {
        let disposition = Disposition::of_connecting(&error);
        RequestError::not_executed(error, disposition)
    };
    let mut inspection = Inspection { warnings: Vec::new(), max_text_bytes: None };
    for node in client.topology().owners(deadline).map_err(failed)? {
        let mut connection = node.take(deadline).map_err(failed)?;
        let info = redis::cmd("INFO").query::<String>(&mut *connection).map_err(failed)?;
        if let Some(version) = field(&info, "redis_version").filter(|version| !is_new(version)) {
            let reason = format!("the server is Redis {version}; 7.0 or newer is needed");
            return Err(RequestError::Unusable(reason));
        }
        let fsync = setting(&mut connection, "appendfsync");
        let warnings = warn(&info, fsync.as_deref());
        inspection.warnings.extend(warnings.map(|text| format!("{}: {text}", node.address)));
        let max_bytes = setting(&mut connection, "proto-max-bulk-len");
        let max_bytes = max_bytes.and_then(|bytes| bytes.parse().ok());
        inspection.max_text_bytes = inspection.max_text_bytes.into_iter().chain(max_bytes).min();
        connection.release();
    }
    Ok(inspection)
}

/// Returns a setting. Hosted services often refuse `CONFIG GET`.
fn setting(connection: &mut Connection, name: &str) -> Option<String> {
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg(name);
    let name_and_value: Vec<String> = get.query(connection).ok()?;
    name_and_value.into_iter().nth(1)
}

/// Returns the value of a line `name:value` in the reply to `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// Returns whether the server knows the script header `#!lua`, which Redis 7.0 introduced.
fn is_new(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_none_or(|major| major >= 7)
}

fn warn(info: &str, appendfsync: Option<&str>) -> impl Iterator<Item = String> {
    let policy = field(info, "maxmemory_policy").unwrap_or("noeviction");
    let evicts = (policy != "noeviction").then(|| {
        format!(
            "maxmemory-policy {policy}: the server deletes stored data when memory is short; \
             set it to noeviction"
        )
    });
    let appends = field(info, "aof_enabled") != Some("0");
    let loses = match (appends, appendfsync) {
        (false, _) => Some(
            "appendonly no: a crash of the server loses all changes since the last snapshot; \
             set it to yes",
        ),
        (true, Some("everysec")) => {
            Some("appendfsync everysec: a power cut can lose the last second of changes")
        }
        (true, Some("no")) => {
            Some("appendfsync no: a power cut can lose the last half minute of changes")
        }
        _ => None,
    };
    evicts.into_iter().chain(loses.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("6.2.14", false)]
    #[case("7.0.15", true)]
    #[case("8.0.0", true)]
    #[case("unstable", true)]
    fn version_7_is_new_enough(#[case] version: &str, #[case] new: bool) {
        assert_eq!(is_new(version), new);
    }

    #[rstest]
    #[case("noeviction", "1", Some("always"), &[])]
    #[case("noeviction", "1", None, &[])]
    #[case("noeviction", "1", Some("everysec"), &["appendfsync everysec"])]
    #[case("noeviction", "1", Some("no"), &["appendfsync no"])]
    #[case("volatile-ttl", "0", Some("always"), &["maxmemory-policy volatile-ttl", "appendonly no"])]
    fn settings_that_can_lose_data_give_warnings(
        #[case] policy: &str,
        #[case] appends: &str,
        #[case] fsync: Option<&str>,
        #[case] expected: &[&str],
    ) {
        let info = format!("# Memory\r\nmaxmemory_policy:{policy}\r\naof_enabled:{appends}\r\n");
        let warnings: Vec<_> = warn(&info, fsync).collect();
        assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            assert!(warning.starts_with(expected), "{warning}");
        }
    }
}
