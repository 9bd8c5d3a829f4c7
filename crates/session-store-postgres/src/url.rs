//! The URLs that name a store in PostgreSQL: parsing and display, without I/O.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::iter;
use std::str::FromStr;

use session_store_core::Durability;
use session_store_core::server_url::{Host, ServerUrl, decode, encode, parse_port};

/// The options that libpq does not have.
const OWN: [&str; 5] = ["schema", "pool", "durability", "synchronous_commit", "pooler"];

/// The options of libpq for values that can also be in the part of the URL before the `?`.
const PARTS: [&str; 5] = ["host", "port", "user", "password", "dbname"];

const PARAMETERS: [&str; 11] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "options",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
];

const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// The URL of a store in PostgreSQL. It has the form of a URL of libpq, and further options.
///
/// | URL | names |
/// |---|---|
/// | `postgres://USER:PASSWORD@HOST:PORT/DATABASE` | one server; the defaults are those of libpq |
/// | `postgres://HOST,HOST/DATABASE?target_session_attrs=read-write` | the primary among several servers |
/// | `postgres:///DATABASE?host=/FOLDER` | one server, by the folder of its socket |
///
/// User, password, hosts and database are percent-encoded. These parts can also be options:
/// `user=`, `password=`, `host=`, `port=` and `dbname=`.
///
/// | option | value |
/// |---|---|
/// | `schema=NAME` | the schema that holds the store; `session_store` by default |
/// | `pool=NUMBER` | the maximum number of connections of a handle |
/// | `durability=process` or `power` | what an acknowledged change survives |
/// | `synchronous_commit=off` | acknowledges a change before the server has stored it; see the [table](crate#what-can-be-lost) |
/// | `pooler=transaction` | for a pooler that gives each transaction another connection, such as PgBouncer |
/// | `sslmode=disable`, `prefer`, `require`, `verify-full` | whether to use TLS; see [TLS](crate#tls) |
/// | `sslrootcert=FILE` | the root certificates (PEM) that verify the server, instead of the system's |
///
/// The options `application_name`, `channel_binding`, `connect_timeout`, `keepalives`,
/// `keepalives_idle`, `keepalives_interval`, `options`, `target_session_attrs` and
/// `tcp_user_timeout` have the meaning that they have in libpq.
///
/// `Display` and `Debug` omit the password. A password that is not in the text of the URL can be
/// set with [`with_password`](Self::with_password).
///
/// ```
/// use session_store_postgres::PostgresUrl;
///
/// let url: PostgresUrl = "postgresql://agent:hunter2@db.example/logs?schema=team_a".parse()?;
/// assert_eq!(url.to_string(), "postgres://agent@db.example/logs?schema=team_a");
/// # Ok::<(), session_store_postgres::PostgresUrlError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct PostgresUrl(BTreeMap<&'static str, String>);

/// The reason why a text is not the URL of a store in PostgreSQL.
///
/// The message does not contain any part of the text that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PostgresUrlError(String);

impl From<&str> for PostgresUrlError {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    /// # Errors
    /// [`PostgresUrlError`] describes the expected form.
    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        let parts = ServerUrl::split(text)?
            .filter(|parts| ["postgres", "postgresql"].contains(&parts.scheme.as_str()))
            .ok_or(
                "the URL of a store in PostgreSQL has a form such as postgres://HOST/DATABASE",
            )?;
        let hosts = Host::parse_list(parts.hosts)?;
        let join = |part: &dyn Fn(&Host) -> String| {
            let parts: Vec<_> = hosts.iter().map(part).collect();
            // Without this filter, an empty part after `//` would be one host with an empty name.
            Some(parts.join(",")).filter(|list| !list.trim_matches(',').is_empty())
        };
        let port = |host: &Host| host.port.map(|port| port.to_string()).unwrap_or_default();
        let first = [
            ("host", join(&|host| host.name.clone())),
            ("port", join(&port)),
            ("user", parts.user),
            ("password", parts.password),
            ("dbname", Some(decode(parts.path)?).filter(|name| !name.is_empty())),
        ];
        let mut url =
            Self(first.into_iter().filter_map(|(name, part)| Some((name, part?))).collect());
        for (option, value) in parts.options {
            url.set(option, value)?;
        }
        url.spread_port()?;
        if url.is_asynchronous() && url.durability() == Some(Durability::Power) {
            return Err("synchronous_commit=off cannot be combined with durability=power".into());
        }
        Ok(url)
    }
}

impl PostgresUrl {
    /// Returns whether the URL has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.contains_key("password")
    }

    /// Sets the password.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.0.insert("password", password.into());
        self
    }

    fn set(&mut self, option: &str, value: String) -> Result<(), PostgresUrlError> {
        let mut names = OWN.into_iter().chain(PARTS).chain(PARAMETERS);
        // The message does not repeat the option. If a password contains "?" or "&" unencoded, the
        // text taken for an option is a part of the password.
        let name = names.find(|name| *name == option).ok_or_else(|| {
            let names = [&OWN[..], &PARTS, &PARAMETERS].concat().join(", ");
            PostgresUrlError(format!(
                "the options are {names}; in a password, ? is written %3F and & is written %26"
            ))
        })?;
        check(name, &value)?;
        self.0.insert(name, value);
        Ok(())
    }

    /// Repeats a single port for each host.
    fn spread_port(&mut self) -> Result<(), PostgresUrlError> {
        let hosts = self.get("host").map_or(1, |hosts| hosts.split(',').count());
        let Some(ports) = self.0.get_mut("port") else { return Ok(()) };
        match ports.split(',').count() {
            1 => *ports = vec![ports.as_str(); hosts].join(","),
            number if number == hosts => {}
            _ => return Err("port has one number, or one for each host".into()),
        }
        Ok(())
    }

    pub(crate) fn get(&self, option: &str) -> Option<&str> {
        self.0.get(option).map(String::as_str)
    }

    pub(crate) fn pool(&self) -> Option<usize> {
        self.get("pool")?.parse().ok()
    }

    pub(crate) fn durability(&self) -> Option<Durability> {
        self.get("durability")?.parse().ok()
    }

    /// Whether a change is acknowledged before the server has stored it.
    pub(crate) fn is_asynchronous(&self) -> bool {
        self.get("synchronous_commit").is_some()
    }

    /// Whether a pooler gives each transaction another connection.
    pub(crate) fn shares_connections(&self) -> bool {
        self.get("pooler") == Some("transaction")
    }

    /// Returns the name of each host with the port of the host. The port is an empty text if the
    /// URL has none.
    fn hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        let hosts = self.get("host").unwrap_or_default().split(',');
        hosts.zip(self.get("port").unwrap_or_default().split(',').chain(iter::repeat("")))
    }

    /// Returns the connection string of the client library. `socket` is the folder of the socket
    /// for a URL without a host.
    pub(crate) fn connection_string(&self, socket: &str) -> String {
        let (hosts, ports): (Vec<_>, Vec<_>) = self.hosts().unzip();
        let or = |text, default| if str::is_empty(text) { default } else { text };
        let hosts: Vec<_> = hosts.into_iter().map(|host| or(host, socket)).collect();
        let ports: Vec<_> = ports.into_iter().map(|port| or(port, "5432")).collect();
        let (hosts, ports) = (hosts.join(","), ports.join(","));
        let others = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        let others = others.filter_map(|(name, value)| match (name, value) {
            ("host" | "port" | "sslrootcert", _) => None,
            ("sslmode", "verify-ca" | "verify-full") => Some((name, "require")),
            _ => (!OWN.contains(&name)).then_some((name, value)),
        });
        let mut text = String::new();
        for (name, value) in [("host", hosts.as_str()), ("port", &ports)].into_iter().chain(others)
        {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            let _ = write!(text, "{name}='{value}' ");
        }
        text
    }
}

/// Checks the values of the options that the client library does not check.
fn check(option: &str, value: &str) -> Result<(), &'static str> {
    match option {
        "schema" if value.is_empty() => Err("the schema has no name"),
        "pool" if !matches!(value.parse(), Ok(1_usize..)) => {
            Err("pool is a number of connections, at least 1")
        }
        "durability" if value.parse::<Durability>().is_err() => {
            Err("durability is process or power")
        }
        "synchronous_commit" if value != "off" => {
            Err("synchronous_commit can only be off; durability=power sets it on")
        }
        "pooler" if !["transaction", "session"].contains(&value) => {
            Err("pooler is transaction or session")
        }
        "sslmode" if !SSL_MODES.contains(&value) => {
            Err("sslmode is one of disable, prefer, require, verify-ca, verify-full")
        }
        "port" => value.split(',').try_for_each(|port| parse_port(port).map(drop)),
        _ => Ok(()),
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.get("user") {
            write!(f, "{}@", encode(user))?;
        }
        let host = |(name, port): (&str, &str)| {
            Host { name: name.to_owned(), port: port.parse().ok() }.to_string()
        };
        f.write_str(&self.hosts().map(host).collect::<Vec<_>>().join(","))?;
        if let Some(database) = self.get("dbname") {
            write!(f, "/{}", encode(database))?;
        }
        let options = self.0.iter().filter(|(name, _)| !PARTS.contains(name));
        for (index, (name, value)) in options.enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}{name}={}", encode(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio_postgres::Config;
    use tokio_postgres::config::{Host as Server, SslMode};

    use super::*;

    #[rstest]
    #[case("postgres://h", "postgres://h")]
    #[case("POSTGRESQL://h:1/db", "postgres://h:1/db")]
    #[case("postgres:///db?host=/run/pg", "postgres://%2Frun%2Fpg/db")]
    #[case("postgres://%2Frun%2Fpg/db", "postgres://%2Frun%2Fpg/db")]
    #[case("postgres://[::1]:7/db", "postgres://[::1]:7/db")]
    #[case("postgres://u%40:p%2f@h/", "postgres://u%40@h")]
    #[case(
        "postgres://a,b:2/d?target_session_attrs=read-write",
        "postgres://a,b:2/d?target_session_attrs=read-write"
    )]
    #[case("postgres:///?host=a,b&port=1,2&dbname=d&user=u", "postgres://u@a:1,b:2/d")]
    #[case("postgres:///?port=7", "postgres://:7")]
    #[case(
        "postgres://h?pool=3&schema=a%20b&durability=power&pooler=transaction",
        "postgres://h?durability=power&pool=3&pooler=transaction&schema=a%20b"
    )]
    #[case("postgres://h?synchronous_commit=off", "postgres://h?synchronous_commit=off")]
    #[case(
        "postgres://h?sslmode=verify-full&sslrootcert=/ca.pem",
        "postgres://h?sslmode=verify-full&sslrootcert=%2Fca.pem"
    )]
    fn a_url_is_parsed_and_displayed(#[case] text: &str, #[case] written: &str) {
        let url: PostgresUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), written);
        let mut again: PostgresUrl = written.parse().unwrap();
        if let Some(password) = url.get("password") {
            again = again.with_password(password);
        }
        assert_eq!(again, url);
    }

    #[rstest]
    #[case("mysql://h", "postgres://HOST/DATABASE")]
    #[case("postgres:h", "postgres://HOST/DATABASE")]
    #[case("postgres://h:0", "port is a number")]
    #[case("postgres://[::1", "ends with ]")]
    #[case("postgres://a,b?port=1,2,3", "one for each host")]
    #[case("postgres://h?color=red", "options are schema")]
    #[case("postgres://h?pool=0", "at least 1")]
    #[case("postgres://h?schema=", "no name")]
    #[case("postgres://h?durability=full", "process or power")]
    #[case("postgres://h?durability=power&synchronous_commit=off", "cannot be combined")]
    #[case("postgres://h?synchronous_commit=on", "can only be off")]
    #[case("postgres://h?pooler=statement", "transaction or session")]
    #[case("postgres://h?sslmode=allow", "sslmode is one of")]
    #[case("postgres://%zz@h", "%25")]
    fn a_malformed_url_is_refused(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<PostgresUrl>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[rstest]
    #[case("postgres://u:hunter2@h")]
    #[case("postgres://u:hunter2@h:bad")]
    #[case("postgres://u:hunter2/x@h")]
    #[case("postgres://u:x?hunter2@h")]
    #[case("postgres://h?password=hunter2")]
    #[case("postgres://h?password=hunter2%")]
    #[case("postgres://h?password=x&hunter2")]
    fn a_password_is_never_displayed(#[case] text: &str) {
        let shown = match text.parse::<PostgresUrl>() {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn the_client_library_reads_the_connection_string() {
        let text = r"postgres://u:p%27%5C%20@a,b:2/d?sslmode=verify-full&connect_timeout=3";
        let string = text.parse::<PostgresUrl>().unwrap().connection_string("/run");
        let config: Config = string.parse().unwrap();
        assert_eq!(config.get_password(), Some(&br"p'\ "[..]));
        assert_eq!(config.get_hosts(), [Server::Tcp("a".into()), Server::Tcp("b".into())]);
        assert_eq!(config.get_ports(), [5432, 2]);
        assert_eq!((config.get_dbname(), config.get_user()), (Some("d"), Some("u")));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        let local = "postgres:///".parse::<PostgresUrl>().unwrap().connection_string("/run");
        let config: Config = local.parse().unwrap();
        assert_eq!(config.get_hosts(), [Server::Unix("/run".into())]);
    }
}
