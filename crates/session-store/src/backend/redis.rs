//! The Redis backend: `redis://HOST` and its other schemes.

use std::fmt;

use super::{BackendLocation, OpenResult, Opened};
use crate::error::UrlError;
use crate::password::PasswordOf;
use crate::redis::RedisUrl;
use crate::syntax::SplitUrl;

/// The location of a Redis server, a Sentinel group or a Cluster.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RedisLocation(Box<RedisUrl>);

impl BackendLocation for RedisLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        // The parser of the backend splits the text itself, because passwords can contain any
        // character. So give the parser the whole text again.
        match format!("{}:{}?{}", url.scheme, url.target, url.query).parse() {
            Ok(url) => Ok(Self(Box::new(url))),
            Err(error) => Err(UrlError::Redis(error.to_string())),
        }
    }

    fn open(&self, create: bool) -> OpenResult {
        let options = crate::redis::RedisOptions::new().create(create);
        let opened = options.open_url(&self.0).map(|store| {
            let warnings = store.warnings().to_vec();
            Opened { warnings, ..store.into() }
        });
        Some(opened)
    }

    fn is_same_storage(&self, other: &Self) -> bool {
        self == other
    }

    fn missing_passwords(&self) -> Vec<PasswordOf> {
        let servers = (!self.0.has_password()).then_some(PasswordOf::Servers);
        let sentinels = self.0.lacks_sentinel_password().then_some(PasswordOf::Sentinels);
        servers.into_iter().chain(sentinels).collect()
    }

    fn with_password(self, of: PasswordOf, password: String) -> Self {
        Self(Box::new(match of {
            PasswordOf::Servers => self.0.with_password(password),
            PasswordOf::Sentinels => self.0.with_sentinel_password(password),
        }))
    }
}

impl fmt::Display for RedisLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
