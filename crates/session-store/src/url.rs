//! `StoreUrl`: the place of a store, as text. Parsing a URL does not access the storage. `open.rs`
//! opens the storage.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::backend::{
    FsLocation, Location, MemoryLocation, SqliteLocation, backend_of, list_of_examples,
};
use crate::error::UrlError;
use crate::password::PasswordOf;
use crate::syntax::SplitUrl;

/// The place of a store: `fs:PATH`, `sqlite:PATH`, `postgres://HOST/DATABASE`, `redis://HOST`,
/// `memory:`, or a bare path.
///
/// - `fs:PATH` is a directory of JSONL files, and `sqlite:PATH` is a database file. The path is
///   relative or absolute, and `fs:///var/logs` is the same as `fs:/var/logs`. In the path, `%` and
///   two hexadecimal digits are decoded to a byte. A `?` in the path must be written `%3F`, because
///   a `?` begins the options, and a `%` must be written `%25`. All other characters, even spaces
///   and `#`, are written unchanged.
/// - Options follow a `?`, for example `sqlite:logs.db?busy_timeout=10s&durability=power`.
///   `busy_timeout` (only in `sqlite:`) is the time to wait for another writer (`5s`, `250ms`).
///   `durability` (in `fs:` and `sqlite:`) is `process` or `power`. With `process`, the default, an
///   acknowledged change survives the end of the process. With `power` it also survives a power
///   cut. `exclusive` (in `fs:` and `sqlite:`) is `true` or `false`. With `true`, the appends of
///   this handle are faster, but changes by other handles fail. In `sqlite:`, reads by other
///   handles fail too.
/// - `postgres://` names a schema of a PostgreSQL database. The URL has the form of libpq. With the
///   feature `postgres`, the documentation of `postgres::PostgresUrl` describes these URLs.
/// - `redis://`, `redis+unix://`, `redis-sentinel://` and `redis-cluster://` name Redis servers.
///   The schemes `rediss://`, `rediss-sentinel://` and `rediss-cluster://` use TLS. With the
///   feature `redis`, the documentation of `redis::RedisUrl` describes these URLs.
/// - `memory:` is a new store in memory each time it is opened.
/// - A text without a scheme is a bare path. A bare path is not decoded. If a database file is at
///   this path, the store is an SQLite database, and otherwise a directory of JSONL files. Write
///   `./a:b` for a path with a colon in its first part, because `a:` would be taken for a scheme.
///
/// A password that is not in the text can be set with [`with_password`](Self::with_password).
///
/// `Display` and `Debug` write the URL from its parts, without passwords. Parsing the text of a URL
/// that has no password returns an equal URL.
///
/// ```
/// use session_store::StoreUrl;
///
/// let url: StoreUrl = "sqlite:///var/lib/agent/sessions.db".parse()?;
/// assert_eq!(url, StoreUrl::sqlite("/var/lib/agent/sessions.db"));
/// assert_eq!(url.to_string(), "sqlite:/var/lib/agent/sessions.db");
/// # Ok::<(), session_store::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreUrl(pub(crate) Target);

/// The meaning of a URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A path without a scheme. The content of the storage determines the backend.
    BarePath(PathBuf),
    Location(Location),
}

impl StoreUrl {
    /// Returns the URL of a directory of JSONL files.
    #[must_use]
    pub fn fs(path: impl Into<PathBuf>) -> Self {
        Location::Fs(FsLocation::new(path.into())).into()
    }

    /// Returns the URL of an SQLite database file.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Location::Sqlite(SqliteLocation::new(path.into())).into()
    }

    /// Returns the URL of a store in memory. Each open of this URL creates a new store.
    #[must_use]
    pub const fn memory() -> Self {
        Self(Target::Location(Location::Memory(MemoryLocation)))
    }

    /// Returns the passwords that are missing in the URL and that the store can need.
    ///
    /// A program should not take these passwords from its arguments, because other users of the
    /// machine can see the arguments. The program can read the passwords from a file, for example.
    #[must_use]
    pub fn missing_passwords(&self) -> Vec<PasswordOf> {
        match &self.0 {
            Target::BarePath(_) => Vec::new(),
            Target::Location(location) => location.missing_passwords(),
        }
    }

    /// Sets the password for the servers that `of` names. A URL without such servers, for example a
    /// path, is not changed.
    ///
    /// ```
    /// use session_store::{PasswordOf, StoreUrl};
    ///
    /// # #[cfg(feature = "redis")] {
    /// let url: StoreUrl = "redis://agent@db.example".parse()?;
    /// assert_eq!(url.missing_passwords(), [PasswordOf::Servers]);
    /// let url = url.with_password(PasswordOf::Servers, "hunter2");
    /// assert_eq!(url.missing_passwords(), []);
    /// # }
    /// # Ok::<(), session_store::UrlError>(())
    /// ```
    #[must_use]
    pub fn with_password(self, of: PasswordOf, password: impl Into<String>) -> Self {
        match self.0 {
            Target::Location(location) => location.with_password(of, password.into()).into(),
            target => Self(target),
        }
    }

    /// Returns the path of the storage, if it is a file or a folder.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Target::BarePath(path) => Some(path),
            Target::Location(location) => location.path(),
        }
    }
}

impl From<Location> for StoreUrl {
    fn from(location: Location) -> Self {
        Self(Target::Location(location))
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    /// # Errors
    /// [`UrlError`]
    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty { known: list_of_examples() });
        }
        let Some(url) = SplitUrl::split(text) else {
            if is_like_url(text) {
                return Err(UrlError::Malformed { known: list_of_examples() });
            }
            return Ok(Self(Target::BarePath(text.into())));
        };
        match backend_of(&url.scheme) {
            Some(backend) => (backend.parse)(&url).map(Self::from),
            None => Err(UrlError::UnknownScheme { scheme: url.scheme, known: list_of_examples() }),
        }
    }
}

/// Returns whether a text without a valid scheme is probably a mistyped URL, such as
/// `redis//:PASSWORD@HOST`.
///
/// Such a text must not count as a bare path. It can contain a password, and messages about a bare
/// path repeat the path.
fn is_like_url(text: &str) -> bool {
    let has_login = text.split_once(':').is_some_and(|(_, rest)| rest.contains('@'));
    let is_url = text.contains("://") || has_login || text.contains("password=");
    is_url && !text.starts_with(['/', '.'])
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::BarePath(path) => write!(f, "{}", path.display()),
            Target::Location(location) => location.fmt(f),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("fs:logs", StoreUrl::fs("logs"))]
    #[case("FS:logs", StoreUrl::fs("logs"))]
    #[case("fs:./a/b", StoreUrl::fs("./a/b"))]
    #[case("fs:/var/logs", StoreUrl::fs("/var/logs"))]
    #[case("fs:///var/logs", StoreUrl::fs("/var/logs"))]
    #[case("fs:////logs", StoreUrl::fs("//logs"))]
    #[case("fs:a:b", StoreUrl::fs("a:b"))]
    #[case("fs:my logs#1", StoreUrl::fs("my logs#1"))]
    #[case("fs:100%25%3F%20%C3%A9", StoreUrl::fs("100%? é"))]
    #[case("fs:logs?", StoreUrl::fs("logs"))]
    #[case("sqlite:a.db", StoreUrl::sqlite("a.db"))]
    #[case("sqlite:///a.db", StoreUrl::sqlite("/a.db"))]
    #[case("memory:", StoreUrl::memory())]
    #[case("memory://", StoreUrl::memory())]
    fn a_url_is_read_and_written(#[case] text: &str, #[case] url: StoreUrl) {
        assert_eq!(text.parse(), Ok(url.clone()));
        assert_eq!(url.to_string().parse(), Ok(url));
    }

    #[rstest]
    #[case("logs")]
    #[case("./a:b")]
    #[case("/var/a:b")]
    #[case("my logs/100%?x=1")]
    #[case("./redis//:a@b")]
    #[case("a@b")]
    #[case("1:2")]
    #[case(":")]
    fn a_bare_path_is_not_decoded(#[case] text: &str) {
        assert_eq!(text.parse(), Ok(StoreUrl(Target::BarePath(text.into()))));
        assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("5s", Duration::from_secs(5))]
    #[case("250ms", Duration::from_millis(250))]
    #[case("0s", Duration::ZERO)]
    fn a_busy_timeout_is_read(#[case] text: &str, #[case] timeout: Duration) {
        let url: StoreUrl = format!("sqlite:a.db?busy_timeout={text}").parse().unwrap();
        let milliseconds = timeout.as_millis();
        assert_eq!(url.to_string(), format!("sqlite:a.db?busy_timeout={milliseconds}ms"));
        assert_eq!(url.to_string().parse(), Ok(url));
    }

    #[rstest]
    #[case("fs:a?durability=power", "fs:a?durability=power")]
    #[case("fs:a?durability=process", "fs:a")]
    #[case("fs:a", "fs:a")]
    #[case("sqlite:a?durability=power", "sqlite:a?durability=power")]
    #[case(
        "sqlite:a?durability=power&busy_timeout=5s",
        "sqlite:a?busy_timeout=5000ms&durability=power"
    )]
    #[case("sqlite:a?durability=process", "sqlite:a")]
    #[case("fs:a?exclusive=true&durability=power", "fs:a?durability=power&exclusive=true")]
    #[case("fs:a?exclusive=false", "fs:a")]
    #[case(
        "sqlite:a?exclusive=true&busy_timeout=5s",
        "sqlite:a?busy_timeout=5000ms&exclusive=true"
    )]
    fn options_are_written_unless_they_have_their_defaults(
        #[case] text: &str,
        #[case] written: &str,
    ) {
        let url: StoreUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), written);
        assert_eq!(written.parse(), Ok(url));
    }

    #[rstest]
    #[case(
        "",
        "is missing; there are fs:PATH, sqlite:PATH, postgres://HOST/DATABASE, redis://HOST and memory:"
    )]
    #[case("redis//:x@host", "not a path or a URL; there are fs:PATH, sqlite:PATH")]
    #[case("a b://host", "written ./PATH")]
    #[case("fs:", "path must follow fs:")]
    #[case("fs:?", "path must follow fs:")]
    #[case("sqlite://host/a.db", "sqlite:///PATH")]
    #[case("fs://", "fs:///PATH")]
    #[case("memory:name", "takes no path")]
    #[case(
        "ftp:a",
        "\"ftp\"; there are fs:PATH, sqlite:PATH, postgres://HOST/DATABASE, redis://HOST and memory:"
    )]
    #[case("fs:50%", "%25")]
    #[case("fs:%zz", "%25")]
    #[case("fs:%ff", "UTF-8")]
    #[case("memory:?colour=red", "\"colour\"; it has none")]
    #[case("fs:a?colour=red", "\"colour\"; it has durability, exclusive")]
    #[case("fs:a?busy_timeout=5s", "\"busy_timeout\"; it has durability, exclusive")]
    #[case("fs:a?exclusive=", "\"\"; it is true or false")]
    #[case("sqlite:a?exclusive=1", "the option exclusive cannot be \"1\"; it is true or false")]
    #[case("fs:a?exclusive=1", "the option exclusive cannot be \"1\"; it is true or false")]
    #[case("sqlite:a?colour=red", "\"colour\"; it has busy_timeout, durability, exclusive")]
    #[case("fs:a?durability=", "process or power")]
    #[case("sqlite:a?durability=full", "\"full\"; it is process or power")]
    #[case("sqlite:a?busy_timeout=5", "5s or 250ms")]
    #[case("sqlite:a?busy_timeout=-1s", "5s or 250ms")]
    #[case("sqlite:a?busy_timeout=", "5s or 250ms")]
    fn a_malformed_url_is_refused(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<StoreUrl>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[rstest]
    #[case("redis://user:hunter2@host/0")]
    #[case("redis://user:hunter2@host/x")]
    #[case("redis-sentinel://host/main?sentinel_password=hunter2")]
    #[case("postgres://user:hunter2@host/db")]
    #[case("postgres://user:hunter2@host:x/db")]
    #[case("postgres://host/db?password=hunter2")]
    #[case("ftp://user:hunter2@host")]
    #[case("redi_s://user:hunter2@host")]
    #[case("redis//:hunter2@host")]
    #[case("redis:/:hunter2@host")]
    #[case("redis;//user:hunter2@host")]
    #[case(":hunter2@host")]
    #[case("user:hunter2@host")]
    #[case("postgres//host/db?password=hunter2")]
    #[case("redis-sentinel//host/main?sentinel_password=hunter2")]
    #[case("host=db password=hunter2")]
    fn no_message_contains_a_password(#[case] text: &str) {
        let shown = match text.parse::<StoreUrl>() {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[cfg(feature = "redis")]
    #[rstest]
    #[case("redis://host:1/2?prefix=a")]
    #[case("REDISS://host:1")]
    #[case("redis+unix:///run/redis.sock")]
    #[case("redis-sentinel://a:1,b:2/main")]
    #[case("rediss-cluster://a:1,b:2")]
    fn a_url_of_redis_is_read(#[case] text: &str) {
        let url: StoreUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), text.to_lowercase());
    }

    #[cfg(not(feature = "redis"))]
    #[test]
    fn the_error_for_a_disabled_scheme_names_the_feature() {
        let error = "rediss://host".parse::<StoreUrl>().unwrap_err();
        assert!(error.to_string().contains("the feature \"redis\""), "{error}");
    }
}
