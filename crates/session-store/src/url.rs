//! `StoreUrl`: where a store is, as text. Parsing looks at the text alone; `open.rs` looks at the storage.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::{Durability, percent};

/// Where a store is: `fs:PATH`, `sqlite:PATH`, `redis://HOST`, `memory:`, or a bare path.
///
/// - `fs:PATH` is a directory of JSONL files, `sqlite:PATH` one database file. The path may be relative or
///   absolute; `fs:///var/logs` is `fs:/var/logs`. In it `%` and two hexadecimal digits stand for a byte,
///   so that a path can hold a `?` (`%3F`) or a `%` (`%25`); all else, blanks and `#` too, means itself.
/// - Options follow a `?`, as `sqlite:logs.db?busy_timeout=10s&durability=power`:
///   `busy_timeout`, of `sqlite:`, is how long to wait for another writer (`5s`, `250ms`);
///   `durability`, of both, is what an acknowledged change survives: the end of the process (`process`, the
///   default), or a power cut too (`power`).
/// - `redis://`, `redis+unix://`, `redis-sentinel://` and `redis-cluster://` name Redis servers, and the same
///   with `rediss` over TLS; with the feature `redis`, the documentation of `redis::RedisUrl` says how.
/// - `memory:` is a store of its own each time it is opened.
/// - A text without a scheme is a bare path, taken literally: an SQLite file if it is one when it is opened,
///   else `fs`. A path whose first part holds a colon is written `./a:b`.
///
/// `Display` and `Debug` write the URL from its parts, without any secret; reading it back gives the same
/// URL.
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
pub struct StoreUrl(pub(crate) Place);

/// What a URL names. `Display` writes from here and never from the text that was parsed, so a place that
/// holds a password can leave it out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Bare(PathBuf),
    Fs {
        path: PathBuf,
        durability: Durability,
    },
    Sqlite {
        path: PathBuf,
        busy_timeout: Option<Duration>,
        durability: Durability,
    },
    Memory,
    #[cfg(feature = "redis")]
    Redis(Box<crate::redis::RedisUrl>),
}

const BUSY_TIMEOUT: &str = "busy_timeout";
const DURABILITY: &str = "durability";

/// Every scheme that the feature `redis` adds.
const REDIS: [&str; 8] = [
    "redis",
    "rediss",
    "redis+unix",
    "unix",
    "redis-sentinel",
    "rediss-sentinel",
    "redis-cluster",
    "rediss-cluster",
];

impl StoreUrl {
    /// A directory of JSONL files.
    #[must_use]
    pub fn fs(path: impl Into<PathBuf>) -> Self {
        Self(Place::Fs { path: path.into(), durability: Durability::default() })
    }

    /// One SQLite database file.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        let (busy_timeout, durability) = Default::default();
        Self(Place::Sqlite { path: path.into(), busy_timeout, durability })
    }

    /// A store in memory, a new one each time it is opened.
    #[must_use]
    pub const fn memory() -> Self {
        Self(Place::Memory)
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    /// # Errors
    /// [`UrlError`]; its text says what would be right, and repeats nothing that could hold a password.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = split_scheme(text) else {
            return bare(text);
        };
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = match scheme.to_ascii_lowercase().as_str() {
            "fs" => fs(target, query),
            "sqlite" => sqlite(target, query),
            "memory" => memory(target, query),
            scheme if REDIS.contains(&scheme) => redis(text),
            unknown => Err(UrlError::UnknownScheme(unknown.to_owned())),
        };
        place.map(Self)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Bare(path) => write!(f, "{}", path.display()),
            Place::Fs { path, durability } => {
                write!(f, "fs:{}{}", target(path), query(None, *durability))
            }
            Place::Sqlite { path, busy_timeout, durability } => {
                write!(f, "sqlite:{}{}", target(path), query(*busy_timeout, *durability))
            }
            Place::Memory => f.write_str("memory:"),
            #[cfg(feature = "redis")]
            Place::Redis(url) => write!(f, "{url}"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// Why a text is no store's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text is empty.
    #[error(
        "a store is named by a URL such as fs:PATH, sqlite:PATH or redis://HOST, not by an empty text"
    )]
    Empty,

    /// No store has this scheme.
    #[error(
        "no store has the scheme {0:?}; there are fs:PATH, sqlite:PATH, redis://HOST and memory: (a path with \
         a colon is written ./PATH)"
    )]
    UnknownScheme(String),

    /// Nothing follows the scheme.
    #[error("a path must follow {0}:")]
    NoPath(&'static str),

    /// Two slashes and a host name: files are on no host.
    #[error("{0}:// must be followed by an absolute path: write {0}:///PATH or {0}:PATH")]
    Host(&'static str),

    /// `memory:` takes no path: nothing could be found there again.
    #[error("memory: takes no path; each open is a store of its own")]
    MemoryPath,

    /// The scheme needs a backend that this program was built without.
    #[error("this program was built without the feature {feature:?} of session-store")]
    FeatureOff {
        /// The cargo feature to switch on.
        feature: &'static str,
    },

    /// A Redis URL with something wrong in it, in words that repeat no password.
    #[error("{0}")]
    Redis(String),

    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error(
        "in {0}, % and two hexadecimal digits stand for a byte of UTF-8; write %25 for a % itself"
    )]
    Percent(&'static str),

    /// An option that the scheme does not have.
    #[error("{scheme}: has no option {option:?}; {}", Known(known))]
    UnknownOption {
        /// The URL's scheme.
        scheme: &'static str,
        /// What was asked for.
        option: String,
        /// The options that there are.
        known: &'static [&'static str],
    },

    /// An option whose value does not fit.
    #[error("the option {option} cannot be {value:?}; it is a time such as 5s or 250ms")]
    BadDuration {
        /// The option's name.
        option: &'static str,
        /// What was asked for.
        value: String,
    },

    /// A durability that there is not.
    #[error("the option durability cannot be {value:?}; it is process or power")]
    BadDurability {
        /// What was asked for.
        value: String,
    },
}

struct Known<'a>(&'a [&'a str]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("it has none"),
            known => write!(f, "it has {}", known.join(", ")),
        }
    }
}

/// Splits at the first colon where what precedes it reads as a scheme (RFC 3986).
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let named =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(letters);
    named.then_some((scheme, rest))
}

fn bare(text: &str) -> Result<StoreUrl, UrlError> {
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    Ok(StoreUrl(Place::Bare(text.into())))
}

fn fs(target: &str, query: &str) -> Result<Place, UrlError> {
    let path = path("fs", target)?;
    let mut place_durability = Durability::default();
    for (_, value) in options("fs", &[DURABILITY], query)? {
        place_durability = durability(&value)?;
    }
    Ok(Place::Fs { path, durability: place_durability })
}

fn sqlite(target: &str, query: &str) -> Result<Place, UrlError> {
    let path = path("sqlite", target)?;
    let (mut busy_timeout, mut place_durability) = Default::default();
    for (option, value) in options("sqlite", &[BUSY_TIMEOUT, DURABILITY], query)? {
        match option {
            BUSY_TIMEOUT => busy_timeout = Some(duration(option, &value)?),
            _ => place_durability = durability(&value)?,
        }
    }
    Ok(Place::Sqlite { path, busy_timeout, durability: place_durability })
}

fn memory(target: &str, query: &str) -> Result<Place, UrlError> {
    options("memory", &[], query)?;
    if matches!(target, "" | "//") { Ok(Place::Memory) } else { Err(UrlError::MemoryPath) }
}

#[cfg(feature = "redis")]
fn redis(text: &str) -> Result<Place, UrlError> {
    match text.parse::<crate::redis::RedisUrl>() {
        Ok(url) => Ok(Place::Redis(Box::new(url))),
        Err(error) => Err(UrlError::Redis(error.to_string())),
    }
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<Place, UrlError> {
    Err(UrlError::FeatureOff { feature: "redis" })
}

fn path(scheme: &'static str, target: &str) -> Result<PathBuf, UrlError> {
    let path = match target.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => return Err(UrlError::Host(scheme)),
        None => target,
    };
    if path.is_empty() {
        return Err(UrlError::NoPath(scheme));
    }
    percent::decode(path).map(PathBuf::from).ok_or(UrlError::Percent("a path"))
}

/// The inverse of [`path`].
fn target(path: &Path) -> String {
    let encoded = percent::encode(&path.to_string_lossy());
    // Two slashes of the path's own would be read as those before a host.
    if encoded.starts_with("//") { format!("//{encoded}") } else { encoded }
}

fn options(
    scheme: &'static str,
    known: &'static [&'static str],
    query: &str,
) -> Result<Vec<(&'static str, String)>, UrlError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (option, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = known.iter().find(|name| **name == option).copied();
            let name = name.ok_or_else(|| UrlError::UnknownOption {
                scheme,
                option: option.to_owned(),
                known,
            })?;
            let value = percent::decode(value).ok_or(UrlError::Percent("an option"))?;
            Ok((name, value))
        })
        .collect()
}

fn duration(option: &'static str, value: &str) -> Result<Duration, UrlError> {
    let number = |digits: &str| digits.parse::<u32>().ok().map(u64::from);
    let parsed = match value.strip_suffix("ms") {
        Some(digits) => number(digits).map(Duration::from_millis),
        None => value.strip_suffix('s').and_then(number).map(Duration::from_secs),
    };
    parsed.ok_or_else(|| UrlError::BadDuration { option, value: value.to_owned() })
}

fn durability(value: &str) -> Result<Durability, UrlError> {
    value.parse().map_err(|_| UrlError::BadDurability { value: value.to_owned() })
}

/// The options that are not as they are by default, with the `?` before them.
fn query(busy_timeout: Option<Duration>, durability: Durability) -> String {
    let busy_timeout =
        busy_timeout.map(|timeout| format!("{BUSY_TIMEOUT}={}ms", timeout.as_millis()));
    let durability =
        (durability != Durability::default()).then(|| format!("{DURABILITY}={durability}"));
    let options: Vec<_> = busy_timeout.into_iter().chain(durability).collect();
    if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) }
}

#[cfg(test)]
mod tests {
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
    fn reads(#[case] text: &str, #[case] url: StoreUrl) {
        assert_eq!(text.parse(), Ok(url.clone()));
        assert_eq!(url.to_string().parse(), Ok(url));
    }

    #[rstest]
    #[case("logs")]
    #[case("./a:b")]
    #[case("/var/a:b")]
    #[case("my logs/100%?x=1")]
    #[case("1:2")]
    #[case(":")]
    fn takes_a_bare_path_literally(#[case] text: &str) {
        assert_eq!(text.parse(), Ok(StoreUrl(Place::Bare(text.into()))));
        assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("5s", Duration::from_secs(5))]
    #[case("250ms", Duration::from_millis(250))]
    #[case("0s", Duration::ZERO)]
    fn reads_a_busy_timeout(#[case] text: &str, #[case] timeout: Duration) {
        let url: StoreUrl = format!("sqlite:a.db?busy_timeout={text}").parse().unwrap();
        assert!(matches!(url.0, Place::Sqlite { busy_timeout: Some(read), .. } if read == timeout));
        assert_eq!(url.to_string().parse(), Ok(url));
    }

    #[rstest]
    #[case("fs:a?durability=power", Durability::Power, "fs:a?durability=power")]
    #[case("fs:a?durability=process", Durability::Process, "fs:a")]
    #[case("fs:a", Durability::Process, "fs:a")]
    #[case("sqlite:a?durability=power", Durability::Power, "sqlite:a?durability=power")]
    #[case(
        "sqlite:a?durability=power&busy_timeout=5s",
        Durability::Power,
        "sqlite:a?busy_timeout=5000ms&durability=power"
    )]
    #[case("sqlite:a?durability=process", Durability::Process, "sqlite:a")]
    fn reads_a_durability(#[case] text: &str, #[case] expected: Durability, #[case] written: &str) {
        let url: StoreUrl = text.parse().unwrap();
        let (Place::Fs { durability, .. } | Place::Sqlite { durability, .. }) = url.0 else {
            panic!("{url}");
        };
        assert_eq!(durability, expected);
        assert_eq!(url.to_string(), written);
        assert_eq!(written.parse(), Ok(url));
    }

    #[rstest]
    #[case("", "empty")]
    #[case("fs:", "path must follow fs:")]
    #[case("fs:?", "path must follow fs:")]
    #[case("sqlite://host/a.db", "sqlite:///PATH")]
    #[case("fs://", "fs:///PATH")]
    #[case("memory:name", "takes no path")]
    #[case("ftp:a", "\"ftp\"; there are fs:PATH, sqlite:PATH, redis://HOST and memory:")]
    #[case("fs:50%", "%25")]
    #[case("fs:%zz", "%25")]
    #[case("fs:%ff", "UTF-8")]
    #[case("memory:?colour=red", "\"colour\"; it has none")]
    #[case("fs:a?colour=red", "\"colour\"; it has durability")]
    #[case("fs:a?busy_timeout=5s", "\"busy_timeout\"; it has durability")]
    #[case("sqlite:a?colour=red", "\"colour\"; it has busy_timeout, durability")]
    #[case("fs:a?durability=", "process or power")]
    #[case("sqlite:a?durability=full", "\"full\"; it is process or power")]
    #[case("sqlite:a?busy_timeout=5", "5s or 250ms")]
    #[case("sqlite:a?busy_timeout=-1s", "5s or 250ms")]
    #[case("sqlite:a?busy_timeout=", "5s or 250ms")]
    fn refuses(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<StoreUrl>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[rstest]
    #[case("redis://user:hunter2@host/0")]
    #[case("redis://user:hunter2@host/x")]
    #[case("redis-sentinel://host/main?sentinel_password=hunter2")]
    #[case("ftp://user:hunter2@host")]
    fn a_password_is_never_shown(#[case] text: &str) {
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
    fn takes_the_urls_of_redis(#[case] text: &str) {
        let url: StoreUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), text.to_lowercase());
    }

    #[cfg(not(feature = "redis"))]
    #[test]
    fn a_scheme_that_is_switched_off_names_its_feature() {
        let error = "rediss://host".parse::<StoreUrl>().unwrap_err();
        assert!(error.to_string().contains("the feature \"redis\""), "{error}");
    }
}
