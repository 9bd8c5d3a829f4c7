//! A look at the servers when a store is opened: whether they are new enough, and what of their
//! configuration an operator should know.

use redis::Connection;
use session_store_core::StoreError;

use crate::client::Client;
use crate::options::too_old;
use crate::verdict::{Verdict, told};

/// What the servers told of themselves.
pub(crate) struct Found {
    /// What an operator should know.
    pub(crate) warnings: Vec<String>,
    /// The longest text that all of them take, as far as they told.
    pub(crate) longest: Option<usize>,
}

/// Asks all servers, which must be reached at the first attempt.
pub(crate) fn servers(client: &Client) -> Result<Found, StoreError> {
    let deadline = client.deadline();
    let failed = |error| {
        let transient = Verdict::of_connecting(&error) != Verdict::Refused;
        told(error, format!("open {}", client.place()), transient)
    };
    let mut found = Found { warnings: Vec::new(), longest: None };
    for node in client.topology().owners(deadline).map_err(failed)? {
        let mut connection = node.take(deadline).map_err(failed)?;
        let info = redis::cmd("INFO").query::<String>(&mut *connection).map_err(failed)?;
        if let Some(version) = field(&info, "redis_version").filter(|version| !is_new(version)) {
            return Err(too_old(client, version));
        }
        let fsync = setting(&mut connection, "appendfsync");
        let warnings = warn(&info, fsync.as_deref());
        found.warnings.extend(warnings.map(|text| format!("{}: {text}", node.address)));
        let longest = setting(&mut connection, "proto-max-bulk-len");
        let longest = longest.and_then(|bytes| bytes.parse().ok());
        found.longest = found.longest.into_iter().chain(longest).min();
        connection.put_back();
    }
    Ok(found)
}

/// Services that run Redis for others often refuse to tell.
fn setting(connection: &mut Connection, name: &str) -> Option<String> {
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET").arg(name);
    let answer: Vec<String> = ask.query(connection).ok()?;
    answer.into_iter().nth(1)
}

/// The value of a line `name:value` of what `INFO` answers.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// Scripts need the header `#!lua`, which 7.0 brought.
fn is_new(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_none_or(|major| major >= 7)
}

fn warn(info: &str, appendfsync: Option<&str>) -> impl Iterator<Item = String> {
    let policy = field(info, "maxmemory_policy").unwrap_or("noeviction");
    let evicts = (policy != "noeviction").then(|| {
        format!(
            "maxmemory-policy {policy} lets the server delete what is stored when memory is short; \
             set it to noeviction"
        )
    });
    let appends = field(info, "aof_enabled") != Some("0");
    let loses = match (appends, appendfsync) {
        (false, _) => Some(
            "appendonly no: a crash of the server loses all since the last snapshot; set it to yes",
        ),
        (true, Some("everysec")) => Some(
            "appendfsync everysec: a power cut can lose about the last second of what was acknowledged",
        ),
        (true, Some("no")) => Some(
            "appendfsync no: a power cut can lose about the last half minute of what was acknowledged",
        ),
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
    fn seven_is_new_enough(#[case] version: &str, #[case] new: bool) {
        assert_eq!(is_new(version), new);
    }

    #[rstest]
    #[case("noeviction", "1", Some("always"), &[])]
    #[case("noeviction", "1", None, &[])]
    #[case("noeviction", "1", Some("everysec"), &["appendfsync everysec"])]
    #[case("noeviction", "1", Some("no"), &["appendfsync no"])]
    #[case("volatile-ttl", "0", Some("always"), &["maxmemory-policy volatile-ttl", "appendonly no"])]
    fn what_can_be_lost_is_told(
        #[case] policy: &str,
        #[case] appends: &str,
        #[case] fsync: Option<&str>,
        #[case] told: &[&str],
    ) {
        let info = format!("# Memory\r\nmaxmemory_policy:{policy}\r\naof_enabled:{appends}\r\n");
        let warnings: Vec<_> = warn(&info, fsync).collect();
        assert_eq!(warnings.len(), told.len(), "{warnings:?}");
        for (warning, told) in warnings.iter().zip(told) {
            assert!(warning.starts_with(told), "{warning}");
        }
    }
}
