//! The PostgreSQL backend: `postgres://HOST/DATABASE`.

use std::fmt;

use super::BackendLocation;
use crate::error::UrlError;
#[cfg(feature = "postgres")]
use crate::password::PasswordOf;
#[cfg(feature = "postgres")]
use crate::postgres::PostgresUrl;
use crate::syntax::SplitUrl;

/// Without the feature, no value of this type exists, because parsing a URL of PostgreSQL is an
/// error.
#[cfg(not(feature = "postgres"))]
type PostgresUrl = std::convert::Infallible;

/// The location of a schema in a database.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PostgresLocation(Box<PostgresUrl>);

impl BackendLocation for PostgresLocation {
    #[cfg(feature = "postgres")]
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        // The parser of these URLs splits them itself, since passwords can contain any character.
        match format!("{}:{}?{}", url.scheme, url.target, url.query).parse() {
            Ok(url) => Ok(Self(Box::new(url))),
            Err(error) => Err(UrlError::Postgres(error.to_string())),
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn parse(_: &SplitUrl<'_>) -> Result<Self, UrlError> {
        Err(UrlError::FeatureOff { feature: "postgres" })
    }

    #[cfg(feature = "postgres")]
    fn open(&self, create: bool) -> super::OpenResult {
        let options = crate::postgres::PostgresOptions::new().create(create);
        let opened = options.open_url(&self.0).map(|store| {
            let warnings = store.warnings().to_vec();
            super::Opened { warnings, ..store.into() }
        });
        Some(opened)
    }

    fn is_same_storage(&self, other: &Self) -> bool {
        self == other
    }

    #[cfg(feature = "postgres")]
    fn missing_passwords(&self) -> Vec<PasswordOf> {
        (!self.0.has_password()).then_some(PasswordOf::Servers).into_iter().collect()
    }

    #[cfg(feature = "postgres")]
    fn with_password(self, of: PasswordOf, password: String) -> Self {
        match of {
            PasswordOf::Servers => Self(Box::new(self.0.with_password(password))),
            PasswordOf::Sentinels => self,
        }
    }
}

impl fmt::Display for PostgresLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
