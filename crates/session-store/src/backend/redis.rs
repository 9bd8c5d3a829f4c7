//! The Redis backend: `redis://HOST` and its other schemes.

use std::fmt;

use super::BackendLocation;
use crate::error::UrlError;
#[cfg(feature = "redis")]
use crate::redis::RedisUrl;
use crate::syntax::SplitUrl;

/// Without the feature there is no URL of Redis, and parsing one is an error.
#[cfg(not(feature = "redis"))]
type RedisUrl = std::convert::Infallible;

/// A server, a Sentinel group or a Cluster.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RedisLocation(Box<RedisUrl>);

#[cfg(feature = "redis")]
impl RedisLocation {
    pub(super) fn open(
        &self,
        create: bool,
    ) -> Result<super::Opened, session_store_core::StoreError> {
        let store = crate::redis::RedisOptions::new().create(create).open_url(&self.0)?;
        let warnings = store.warnings().to_vec();
        Ok(super::Opened { store: std::sync::Arc::new(store), warnings })
    }
}

impl BackendLocation for RedisLocation {
    #[cfg(feature = "redis")]
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        match format!("{}:{}?{}", url.scheme, url.target, url.query).parse() {
            Ok(url) => Ok(Self(Box::new(url))),
            Err(error) => Err(UrlError::Redis(error.to_string())),
        }
    }

    #[cfg(not(feature = "redis"))]
    fn parse(_: &SplitUrl<'_>) -> Result<Self, UrlError> {
        Err(UrlError::FeatureOff { feature: "redis" })
    }

    fn is_same_storage(&self, other: &Self) -> bool {
        self == other
    }
}

impl fmt::Display for RedisLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
