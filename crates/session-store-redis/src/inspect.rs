//! Checks the version and the settings of the servers when a store is opened.

use std::time::Instant;

use redis::{Connection, RedisResult};

use crate::client::Client;
use crate::error::RequestError;
use crate::topology::node::Node;

/// The reports of the servers about their settings.
pub(crate) struct Inspection {
    /// The settings that can lose data.
    pub(crate) warnings: Vec<String>,
    /// The longest text that all servers accept, as far as they report it.
    pub(crate) max_text_bytes: Option<usize>,
}

/// Queries all servers. The queries are retried like other reads, because a store can also be
/// opened during a restart or a failover.
pub(crate) fn servers(client: &Client) -> Result<Inspection, RequestError> {
    let mut inspection = Inspection { warnings: Vec::new(), max_text_bytes: None };
    for Server { address, info, appendfsync, max_text_bytes } in
        client.retry(|deadline| query_all(client, deadline))?
    {
        if let Some(version) = field(&info, "redis_version").filter(|version| !is_new(version)) {
            let reason = format!("the server is Redis {version}; 7.0 or newer is needed");
            return Err(RequestError::Unusable(reason));
        }
        let warnings = warn(&info, appendfsync.as_deref());
        inspection.warnings.extend(warnings.map(|text| format!("{address}: {text}")));
        let limits = inspection.max_text_bytes.into_iter().chain(max_text_bytes);
        inspection.max_text_bytes = limits.min();
    }
    Ok(inspection)
}

/// The replies of one server.
struct Server {
    address: String,
    info: String,
    appendfsync: Option<String>,
    max_text_bytes: Option<usize>,
}

fn query_all(client: &Client, deadline: Instant) -> RedisResult<Vec<Server>> {
    client.topology().owners(deadline)?.iter().map(|node| query(node, deadline)).collect()
}

fn query(node: &Node, deadline: Instant) -> RedisResult<Server> {
    let mut connection = node.take(deadline)?;
    let mut query = || {
        let info = redis::cmd("INFO").query(&mut *connection)?;
        let appendfsync = setting(&mut connection, "appendfsync")?;
        let max_text_bytes = setting(&mut connection, "proto-max-bulk-len")?;
        let max_text_bytes = max_text_bytes.and_then(|bytes| bytes.parse().ok());
        Ok(Server { address: node.address.to_string(), info, appendfsync, max_text_bytes })
    };
    let server = query().map_err(|error| node.explain(error))?;
    connection.release();
    Ok(server)
}

/// Returns a setting, or `None` if the server refuses to return it, as hosted services often do.
///
/// After any other error, the connection is closed, because a late reply may still arrive on the
/// connection.
fn setting(connection: &mut Connection, name: &str) -> RedisResult<Option<String>> {
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg(name);
    match get.query::<Vec<String>>(connection) {
        Ok(name_and_value) => Ok(name_and_value.into_iter().nth(1)),
        Err(error) if error.code().is_some() => Ok(None),
        Err(error) => Err(error),
    }
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
