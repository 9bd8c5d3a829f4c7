//! The PostgreSQL backend: `postgres://HOST/DATABASE`.

use std::fmt;

use super::{BackendLocation, OpenResult, Opened};
use crate::error::UrlError;
use crate::password::PasswordOf;
use crate::postgres::PostgresUrl;
use crate::syntax::SplitUrl;

/// The location of a schema in a database.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PostgresLocation(Box<PostgresUrl>);

impl BackendLocation for PostgresLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        // The parser of the backend splits the text itself, because passwords can contain any
        // character. So give the parser the whole text again.
        match format!("{}:{}?{}", url.scheme, url.target, url.query).parse() {
            Ok(url) => Ok(Self(Box::new(url))),
            Err(error) => Err(UrlError::Postgres(error.to_string())),
        }
    }

    fn open(&self, create: bool) -> OpenResult {
        let options = crate::postgres::PostgresOptions::new().create(create);
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
        (!self.0.has_password()).then_some(PasswordOf::Servers).into_iter().collect()
    }

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
