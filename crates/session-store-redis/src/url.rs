//! `RedisUrl`: parses and displays the URL of a Redis storage, without I/O.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use session_store_core::server_url::{self, ServerUrl, decode, encode};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The URL of a Redis storage.
///
/// | URL | names |
/// |---|---|
/// | `redis://HOST:PORT/DB` | one server; the defaults are port 6379 and database 0 |
/// | `redis+unix:///PATH?db=DB` | one server, by its Unix socket |
/// | `redis-sentinel://HOST:PORT,HOST:PORT/SERVICE/DB` | the master that the Sentinels name; the default port is 26379 |
/// | `redis-cluster://HOST:PORT,HOST:PORT` | a Cluster, by some of its nodes |
///
/// The schemes `rediss`, `rediss-sentinel` and `rediss-cluster` use TLS.
///
/// The user and the password of the servers with the data precede the hosts, as `USER:PASSWORD@` or
/// `:PASSWORD@`. The user and the password are percent-encoded.
///
/// | option | value |
/// |---|---|
/// | `prefix=TEXT` | the prefix of all keys |
/// | `sentinel_password=PASSWORD` | the password for the Sentinels; without it, the client does not log in to them |
/// | `sentinel_username=USER` | the user for the Sentinels |
///
/// `Display` and `Debug` omit passwords. A password that is not in the text of the URL can be set
/// with [`with_password`](Self::with_password).
///
/// ```
/// use session_store_redis::RedisUrl;
///
/// let url: RedisUrl = "redis://agent:hunter2@db.example/3?prefix=team-a".parse()?;
/// assert_eq!(url.to_string(), "redis://agent@db.example:6379/3?prefix=team-a");
/// # Ok::<(), session_store_redis::RedisUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedisUrl {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    pub(crate) login: Login,
    pub(crate) database: u32,
    pub(crate) prefix: Option<String>,
}

/// The servers that a URL names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Server(Host),
    Socket(PathBuf),
    Sentinel { sentinels: Vec<Host>, service: String, login: Login },
    Cluster(Vec<Host>),
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// A user and a password. If both are missing, the client does not log in.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// The reason why a text is not the URL of a Redis storage.
///
/// The message does not contain any part of the text that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RedisUrlError(String);

type Parsed<T> = Result<T, RedisUrlError>;

fn refuse<T>(reason: &str) -> Parsed<T> {
    Err(reason.into())
}

impl From<&str> for RedisUrlError {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    /// # Errors
    /// [`RedisUrlError`] describes the expected form.
    fn from_str(text: &str) -> Parsed<Self> {
        let Some(parts) = ServerUrl::split(text)? else {
            return refuse("the URL of a Redis storage has a form such as redis://HOST:PORT/DB");
        };
        let ServerUrl { scheme, user, password, hosts, path, options } = parts;
        let (place, database) = match scheme.as_str() {
            "redis" | "rediss" => (Place::Server(host(hosts, PORT)?), database(path)?),
            "redis+unix" | "unix" => (socket(hosts, path)?, 0),
            "redis-sentinel" | "rediss-sentinel" => sentinel(hosts, path)?,
            "redis-cluster" | "rediss-cluster" => (cluster(hosts, path)?, 0),
            _ => {
                return refuse(
                    "the schemes of Redis are redis, rediss, redis+unix, redis-sentinel and \
                     redis-cluster",
                );
            }
        };
        let tls = scheme.starts_with("rediss");
        let mut url = Self { place, tls, login: Login { user, password }, database, prefix: None };
        options.into_iter().try_for_each(|(option, value)| url.set(option, value))?;
        Ok(url)
    }
}

impl RedisUrl {
    /// Returns whether the URL has a password for the servers that hold the data.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.login.password.is_some()
    }

    /// Sets the password for the servers that hold the data.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.login.password = Some(password.into());
        self
    }

    /// Returns whether the URL names Sentinels and has no password for them.
    #[must_use]
    pub const fn lacks_sentinel_password(&self) -> bool {
        matches!(&self.place, Place::Sentinel { login, .. } if login.password.is_none())
    }

    /// Sets the password for the Sentinels. A URL without Sentinels is not changed.
    #[must_use]
    pub fn with_sentinel_password(mut self, password: impl Into<String>) -> Self {
        if let Place::Sentinel { login, .. } = &mut self.place {
            login.password = Some(password.into());
        }
        self
    }

    fn set(&mut self, option: &str, value: String) -> Parsed<()> {
        match (option, &mut self.place) {
            ("prefix", _) => self.prefix = Some(value),
            ("db", Place::Socket(_)) => self.database = database(&value)?,
            ("db", _) => return refuse("the database follows the host: redis://HOST:PORT/DB"),
            ("sentinel_username", Place::Sentinel { login, .. }) => {
                login.user = Some(value).filter(|user| !user.is_empty());
            }
            ("sentinel_password", Place::Sentinel { login, .. }) => login.password = Some(value),
            // The message does not contain the option, because the option can be a part of a
            // password with an unencoded "?" or "&".
            _ => {
                return refuse(
                    "the options are prefix, and for Sentinels sentinel_username and \
                     sentinel_password; in a password, ? is written %3F and & is written %26",
                );
            }
        }
        Ok(())
    }
}

fn socket(host: &str, path: &str) -> Parsed<Place> {
    if !host.is_empty() || path.is_empty() {
        return refuse("a socket is named by its absolute path: redis+unix:///PATH");
    }
    Ok(Place::Socket(format!("/{}", decode(path)?).into()))
}

fn sentinel(hosts: &str, path: &str) -> Parsed<(Place, u32)> {
    let (service, path) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return refuse(
            "the service's name follows the Sentinels: redis-sentinel://HOST:PORT/SERVICE",
        );
    }
    let service = decode(service)?;
    let (sentinels, login) = (self::hosts(hosts, SENTINEL_PORT)?, Login::default());
    Ok((Place::Sentinel { sentinels, service, login }, database(path)?))
}

fn cluster(hosts: &str, path: &str) -> Parsed<Place> {
    if database(path)? != 0 {
        return refuse("a Cluster has database 0 only");
    }
    Ok(Place::Cluster(self::hosts(hosts, PORT)?))
}

fn database(path: &str) -> Parsed<u32> {
    match path.trim_end_matches('/') {
        "" => Ok(0),
        number => {
            number.parse().or_else(|_| refuse("a database is a number: redis://HOST:PORT/DB"))
        }
    }
}

fn hosts(text: &str, port: u16) -> Parsed<Vec<Host>> {
    text.split(',').map(|text| host(text, port)).collect()
}

fn host(text: &str, default_port: u16) -> Parsed<Host> {
    let server_url::Host { name, port } = server_url::Host::parse(text)?;
    if name.is_empty() {
        return refuse("a host is missing");
    }
    Ok(Host { name, port: port.unwrap_or(default_port) })
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        server_url::Host { name: self.name.clone(), port: Some(self.port) }.fmt(f)
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.as_ref().map_or(Ok(()), |user| write!(f, "{}@", encode(user)))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, tls, login, database, prefix } = self;
        let redis = if *tls { "rediss" } else { "redis" };
        match place {
            Place::Server(host) => write!(f, "{redis}://{login}{host}")?,
            Place::Socket(path) => {
                let path: Vec<_> = path.to_string_lossy().split('/').map(encode).collect();
                write!(f, "{redis}+unix://{login}{}", path.join("/"))?;
            }
            Place::Sentinel { sentinels, service, .. } => {
                let (sentinels, service) = (join(sentinels), encode(service));
                write!(f, "{redis}-sentinel://{login}{sentinels}/{service}")?;
            }
            Place::Cluster(seeds) => write!(f, "{redis}-cluster://{login}{}", join(seeds))?,
        }
        let mut options = Vec::new();
        match (place, database) {
            (_, 0) => {}
            (Place::Socket(_), _) => options.push(format!("db={database}")),
            _ => write!(f, "/{database}")?,
        }
        options.extend(prefix.as_ref().map(|prefix| format!("prefix={}", encode(prefix))));
        if let Place::Sentinel { login: Login { user: Some(user), .. }, .. } = place {
            options.push(format!("sentinel_username={}", encode(user)));
        }
        if options.is_empty() { Ok(()) } else { write!(f, "?{}", options.join("&")) }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

fn join(hosts: &[Host]) -> String {
    hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("redis://localhost", "redis://localhost:6379")]
    #[case("REDIS://h:1/", "redis://h:1")]
    #[case("rediss://h:1/2", "rediss://h:1/2")]
    #[case("redis://[::1]:7/2", "redis://[::1]:7/2")]
    #[case("redis://u%40:p%2f@h/", "redis://u%40@h:6379")]
    #[case("redis://:p@h?prefix=a%20b", "redis://h:6379?prefix=a%20b")]
    #[case("redis+unix:///run/my%20redis.sock", "redis+unix:///run/my%20redis.sock")]
    #[case("unix:///r.sock?db=2", "redis+unix:///r.sock?db=2")]
    #[case("redis-sentinel://a,b:2/main", "redis-sentinel://a:26379,b:2/main")]
    #[case("rediss-sentinel://a:1/main/3", "rediss-sentinel://a:1/main/3")]
    #[case(
        "redis-sentinel://a:1/m?sentinel_username=u",
        "redis-sentinel://a:1/m?sentinel_username=u"
    )]
    #[case("redis-cluster://a:1,b:2", "redis-cluster://a:1,b:2")]
    #[case("redis-cluster://u:p@a:1/0", "redis-cluster://u@a:1")]
    fn a_url_is_parsed_and_displayed(#[case] text: &str, #[case] written: &str) {
        let url: RedisUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), written);
        let again: RedisUrl = written.parse().unwrap();
        assert_eq!(RedisUrl { login: url.login.clone(), ..again }, url);
    }

    #[test]
    fn user_and_password_are_decoded() {
        let url: RedisUrl = "redis://u%3A:p%40%2F:x@h".parse().unwrap();
        assert_eq!(url.login.user.as_deref(), Some("u:"));
        assert_eq!(url.login.password.as_deref(), Some("p@/:x"));
    }

    #[test]
    fn the_sentinels_login_is_an_option() {
        let text = "redis-sentinel://u:p@a/main?sentinel_username=w%40&sentinel_password=q=%26";
        let url: RedisUrl = text.parse().unwrap();
        let Place::Sentinel { login, .. } = url.place else { panic!("{text}") };
        assert!(url.login == Login { user: Some("u".into()), password: Some("p".into()) });
        assert!(login == Login { user: Some("w@".into()), password: Some("q=&".into()) });
    }

    #[test]
    fn passwords_can_be_set_later() {
        let url = |text: &str| text.parse::<RedisUrl>().unwrap();
        let without = url("redis-sentinel://u@a/main");
        assert!(!without.has_password() && without.lacks_sentinel_password());
        let with = without.with_password("p").with_sentinel_password("s");
        assert!(with == url("redis-sentinel://u:p@a/main?sentinel_password=s"));
        let server = url("redis://u:p@a");
        assert!(server.has_password() && !server.lacks_sentinel_password());
        assert!(server.clone().with_sentinel_password("s") == server);
    }

    #[rstest]
    #[case("redis:h", "redis://HOST")]
    #[case("http://h", "schemes of Redis")]
    #[case("redis://", "host is missing")]
    #[case("redis://h:0", "port is a number")]
    #[case("redis://h:x", "port is a number")]
    #[case("redis://h/x", "database is a number")]
    #[case("redis://h?db=2", "follows the host")]
    #[case("redis://h?color=red", "options are prefix")]
    #[case("redis://h?sentinel_password=x", "for Sentinels")]
    #[case("redis://%zz@h", "%25")]
    #[case("redis://[::1", "ends with ]")]
    #[case("redis+unix://h/r.sock", "absolute path")]
    #[case("redis-sentinel://a:1", "service's name")]
    #[case("redis-cluster://a:1/3", "database 0 only")]
    fn a_malformed_url_is_refused(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<RedisUrl>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[rstest]
    #[case("redis://u:hunter2@h")]
    #[case("redis://u:hunter2@h:bad")]
    #[case("redis://u:hunter2/x@h")]
    #[case("redis://u:x?hunter2@h")]
    #[case("redis+unix://:hunter2@/r.sock?prefix=x")]
    #[case("redis-sentinel://h/main?sentinel_username=u&sentinel_password=hunter2")]
    #[case("redis-sentinel://h/main?sentinel_password=x&hunter2")]
    #[case("redis-sentinel://h/main?sentinel_password=hunter2%")]
    #[case("redis://h?sentinel_password=hunter2")]
    fn a_password_is_never_displayed(#[case] text: &str) {
        let shown = match text.parse::<RedisUrl>() {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
