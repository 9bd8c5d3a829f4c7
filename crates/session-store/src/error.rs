//! `UrlError`: the reason why a text is not the URL of a store.

use std::fmt;

/// The reason why a text is not the URL of a store.
///
/// The message describes a correct URL, and never contains a part of the URL that can be a
/// password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text is empty.
    #[error("the URL of a store is missing; there are {known}")]
    Empty {
        /// An example of each backend's URLs.
        known: String,
    },

    /// No backend has this scheme.
    #[error(
        "no store has the scheme {scheme:?}; there are {known} (a path that contains a colon is written ./PATH)"
    )]
    UnknownScheme {
        /// The scheme in the text.
        scheme: String,
        /// An example of each backend's URLs.
        known: String,
    },

    /// The text has the form of a URL, but no valid scheme. The message does not contain the text,
    /// because the text can contain a password.
    #[error(
        "the text is not a path or a URL; there are {known} (a path that contains a colon is written ./PATH)"
    )]
    Malformed {
        /// An example of each backend's URLs.
        known: String,
    },

    /// The scheme needs a path, and the path is missing.
    #[error("a path must follow {0}:")]
    NoPath(String),

    /// Two slashes and a host follow the scheme, but the backend stores data in local files.
    #[error("{0}:// must be followed by an absolute path: write {0}:///PATH or {0}:PATH")]
    Host(String),

    /// `memory:` is followed by a path. A store in memory cannot be opened a second time.
    #[error("memory: takes no path; every open creates a new store")]
    MemoryPath,

    /// The backend of the scheme is not part of this program.
    #[error("this program was built without the feature {feature:?} of session-store")]
    FeatureOff {
        /// The cargo feature that the backend needs.
        feature: &'static str,
    },

    /// A URL of PostgreSQL is malformed. The message does not contain a password.
    #[error("{0}")]
    Postgres(String),

    /// A URL of Redis is malformed. The message does not contain a password.
    #[error("{0}")]
    Redis(String),

    /// A `%` is not followed by two hexadecimal digits, or the decoded bytes are not UTF-8.
    #[error(
        "in {0}, % must be followed by two hexadecimal digits, and the decoded bytes must be UTF-8; write %25 \
         for a % itself"
    )]
    Percent(&'static str),

    /// The scheme does not have this option.
    #[error("{scheme}: has no option {option:?}; {}", Known(known))]
    UnknownOption {
        /// The scheme of the URL.
        scheme: String,
        /// The option in the URL.
        option: String,
        /// The options of the scheme.
        known: &'static [&'static str],
    },

    /// The value of an option is not a duration.
    #[error("the option {option} cannot be {value:?}; it is a time such as 5s or 250ms")]
    BadDuration {
        /// The name of the option.
        option: &'static str,
        /// The value in the URL.
        value: String,
    },

    /// The value of an option is not a truth value.
    #[error("the option {option} cannot be {value:?}; it is true or false")]
    BadSwitch {
        /// The name of the option.
        option: &'static str,
        /// The value in the URL.
        value: String,
    },

    /// The value of the option `durability` is unknown.
    #[error("the option durability cannot be {value:?}; it is process or power")]
    BadDurability {
        /// The value in the URL.
        value: String,
    },
}

/// The end of a message that names the options of a scheme.
struct Known<'a>(&'a [&'a str]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("it has none"),
            known => write!(f, "it has {}", known.join(", ")),
        }
    }
}
