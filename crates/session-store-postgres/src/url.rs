//! The URLs that name a store in PostgreSQL: parsing and display, without I/O.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::str::FromStr;

use session_store_core::{Durability, percent};

/// The parameters of libpq that a URL can have besides those in its first part.
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

/// The URL of a store in PostgreSQL, as libpq spells it, with further options.
///
/// | URL | names |
/// |---|---|
/// | `postgres://USER:PASSWORD@HOST:PORT/DATABASE` | one server; the defaults are those of libpq |
/// | `postgres://HOST,HOST/DATABASE?target_session_attrs=read-write` | the primary among several servers |
/// | `postgres:///DATABASE?host=/FOLDER` | one server, by the folder of its socket |
///
/// User, password, hosts and database are percent-encoded. The same parts can be options, as
/// `user=`, `password=`, `host=`, `port=` and `dbname=`.
///
/// | option | value |
/// |---|---|
/// | `schema=NAME` | the schema that holds the store; `session_store` by default |
/// | `pool=NUMBER` | the most connections of a handle |
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
pub struct PostgresUrl {
    user: Option<String>,
    password: Option<String>,
    hosts: Vec<Host>,
    database: Option<String>,
    parameters: BTreeMap<&'static str, String>,
    pub(crate) schema: Option<String>,
    pub(crate) pool: Option<usize>,
    pub(crate) durability: Option<Durability>,
    pub(crate) is_asynchronous: bool,
    pub(crate) shares_connections: bool,
}

/// A host name, an address or the folder of a socket, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Host {
    name: String,
    port: Option<u16>,
}

/// The reason why a text is not the URL of a store in PostgreSQL.
///
/// The message does not contain any part of the text that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PostgresUrlError(String);

type Parsed<T> = Result<T, PostgresUrlError>;

fn refuse<T>(reason: impl Into<String>) -> Parsed<T> {
    Err(PostgresUrlError(reason.into()))
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    /// # Errors
    /// [`PostgresUrlError`], which describes the form that is expected.
    fn from_str(text: &str) -> Parsed<Self> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => rest,
            _ => {
                return refuse(
                    "the URL of a store in PostgreSQL has a form such as \
                     postgres://HOST/DATABASE",
                );
            }
        };
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut url = Self::default();
        let target = match target.rsplit_once('@') {
            Some((login, target)) => {
                let (user, password) =
                    login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
                url.user = non_empty(decode(user)?);
                url.password = password.map(decode).transpose()?;
                target
            }
            None => target,
        };
        let (hosts, database) = target.split_once('/').unwrap_or((target, ""));
        if !hosts.is_empty() {
            url.hosts = hosts.split(',').map(host).collect::<Parsed<_>>()?;
        }
        url.database = non_empty(decode(database)?);
        let mut ports = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (option, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value)?;
            if option == "port" { ports = Some(value) } else { url.set(option, value)? }
        }
        if let Some(ports) = ports {
            url.set_ports(&ports)?;
        }
        if url.is_asynchronous && url.durability == Some(Durability::Power) {
            return refuse("synchronous_commit=off cannot be combined with durability=power");
        }
        Ok(url)
    }
}

impl PostgresUrl {
    /// Returns whether the URL has a password.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Sets the password.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    fn set(&mut self, option: &str, value: String) -> Parsed<()> {
        match (option, value.as_str()) {
            ("user", _) => self.user = Some(value),
            ("password", _) => self.password = Some(value),
            ("dbname", _) => self.database = Some(value),
            ("host", _) => self.hosts = value.split(',').map(plain_host).collect(),
            ("schema", "") => return refuse("the schema has no name"),
            ("schema", _) => self.schema = Some(value),
            ("pool", _) => match value.parse() {
                Ok(pool @ 1..) => self.pool = Some(pool),
                _ => return refuse("pool is a number of connections, at least 1"),
            },
            ("durability", _) => match value.parse() {
                Ok(durability) => self.durability = Some(durability),
                Err(_) => return refuse("durability is process or power"),
            },
            ("synchronous_commit", "off") => self.is_asynchronous = true,
            ("synchronous_commit", _) => {
                return refuse("synchronous_commit can only be off; durability=power sets it on");
            }
            ("pooler", "transaction") => self.shares_connections = true,
            ("pooler", "session") => self.shares_connections = false,
            ("pooler", _) => return refuse("pooler is transaction or session"),
            ("sslmode", mode) if !SSL_MODES.contains(&mode) => {
                return refuse(format!("sslmode is one of {}", SSL_MODES.join(", ")));
            }
            _ => match PARAMETERS.into_iter().find(|name| *name == option) {
                Some(name) => drop(self.parameters.insert(name, value)),
                // The message does not repeat the option, which can be part of a password that
                // holds an unencoded "?" or "&".
                None => {
                    return refuse(format!(
                        "the options are schema, pool, durability, synchronous_commit, pooler, \
                         host, port, user, password, dbname, {}; in a password, ? is written %3F \
                         and & is written %26",
                        PARAMETERS.join(", ")
                    ));
                }
            },
        }
        Ok(())
    }

    /// Sets the ports of the option `port`: one for each host, or one for all.
    fn set_ports(&mut self, ports: &str) -> Parsed<()> {
        let ports: Vec<_> =
            ports.split(',').map(|text| port(text).map(Some)).collect::<Parsed<_>>()?;
        if self.hosts.is_empty() {
            self.hosts.push(plain_host(""));
        }
        let hosts = self.hosts.len();
        if ports.len() != 1 && ports.len() != hosts {
            return refuse("port has one number, or one for each host");
        }
        let ports = ports.iter().cycle();
        self.hosts.iter_mut().zip(ports).for_each(|(host, port)| host.port = *port);
        Ok(())
    }

    /// Returns the value of a parameter of libpq.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Returns the path of the file with root certificates.
    pub(crate) fn root_certificates(&self) -> Option<PathBuf> {
        self.parameter("sslrootcert").map(PathBuf::from)
    }

    /// Returns the connection string of the client library. `socket` is the folder of the socket
    /// for a URL without a host.
    pub(crate) fn connection_string(&self, socket: &str) -> String {
        let name = |host: &Host| match host.name.as_str() {
            "" => socket.to_owned(),
            name => name.to_owned(),
        };
        let no_host = [plain_host("")];
        let hosts = if self.hosts.is_empty() { &no_host[..] } else { &self.hosts };
        let join = |parts: Vec<String>| Some(parts.join(","));
        let port = |host: &Host| host.port.unwrap_or(5432).to_string();
        let mode = self.parameter("sslmode").map(|mode| match mode {
            "disable" | "prefer" => mode.to_owned(),
            _ => "require".to_owned(),
        });
        let own = [
            ("user", self.user.clone()),
            ("password", self.password.clone()),
            ("dbname", self.database.clone()),
            ("host", join(hosts.iter().map(name).collect())),
            ("port", join(hosts.iter().map(port).collect())),
            ("sslmode", mode),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let others = self.parameters.iter().filter(|(name, _)| !name.starts_with("ssl"));
        let mut text = String::new();
        for (name, value) in own.chain(others.map(|(name, value)| (*name, value.clone()))) {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            let _ = write!(text, "{name}='{value}' ");
        }
        text
    }
}

const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

fn is_scheme(scheme: &str) -> bool {
    ["postgres", "postgresql"].iter().any(|name| name.eq_ignore_ascii_case(scheme))
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Parses `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn host(text: &str) -> Parsed<Host> {
    let (name, rest) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((name, rest))) => (name, rest),
        Some(None) => return refuse("an IPv6 address ends with ]"),
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let port = match rest.strip_prefix(':') {
        Some(text) => Some(port(text)?),
        None if rest.is_empty() => None,
        None => return refuse("a port follows a colon"),
    };
    Ok(Host { name: decode(name)?, port })
}

fn plain_host(name: &str) -> Host {
    Host { name: name.to_owned(), port: None }
}

fn port(text: &str) -> Parsed<u16> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => refuse("a port is a number from 1 to 65535; in a password, / is written %2F"),
    }
}

fn decode(text: &str) -> Parsed<String> {
    match percent::decode(text) {
        Some(decoded) => Ok(decoded),
        // The writer of such a URL most likely forgot to encode a password.
        None => refuse("% must be followed by two hexadecimal digits of UTF-8; write %25 for a %"),
    }
}

/// Encodes every character that could be read as another part of the URL.
fn encode(text: &str) -> String {
    percent::encode(text, |c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') {
            write!(f, "[{name}]")?;
        } else {
            write!(f, "{}", encode(name))?;
        }
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", encode(user))?;
        }
        let hosts: Vec<_> = self.hosts.iter().map(Host::to_string).collect();
        f.write_str(&hosts.join(","))?;
        if let Some(database) = &self.database {
            write!(f, "/{}", encode(database))?;
        }
        let own = [
            ("schema", self.schema.clone()),
            ("pool", self.pool.map(|pool| pool.to_string())),
            ("durability", self.durability.map(|durability| durability.to_string())),
            ("synchronous_commit", self.is_asynchronous.then(|| "off".to_owned())),
            ("pooler", self.shares_connections.then(|| "transaction".to_owned())),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let others = self.parameters.iter().map(|(name, value)| (*name, value.clone()));
        let options: Vec<_> =
            own.chain(others).map(|(name, value)| format!("{name}={}", encode(&value))).collect();
        if options.is_empty() { Ok(()) } else { write!(f, "?{}", options.join("&")) }
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
        "postgres://h?schema=a%20b&pool=3&durability=power&pooler=transaction"
    )]
    #[case("postgres://h?synchronous_commit=off", "postgres://h?synchronous_commit=off")]
    #[case(
        "postgres://h?sslmode=verify-full&sslrootcert=/ca.pem",
        "postgres://h?sslmode=verify-full&sslrootcert=%2Fca.pem"
    )]
    fn a_url_is_parsed_and_displayed(#[case] text: &str, #[case] written: &str) {
        let url: PostgresUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), written);
        let again: PostgresUrl = written.parse().unwrap();
        assert_eq!(PostgresUrl { password: url.password.clone(), ..again }, url);
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
