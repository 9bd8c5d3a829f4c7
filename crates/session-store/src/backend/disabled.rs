//! The location of a store on a server, if the feature of the backend is off.

use std::convert::Infallible;
use std::fmt;

use super::{BackendLocation, backend_of};
use crate::error::UrlError;
use crate::syntax::SplitUrl;

/// The location of a store whose backend is not part of this program. The type has no values:
/// without the crate of the backend, no URL can be parsed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Disabled(Infallible);

impl BackendLocation for Disabled {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        let backend = backend_of(&url.scheme).expect("the scheme has led to this backend");
        Err(UrlError::FeatureOff { feature: backend.feature })
    }
}

impl fmt::Display for Disabled {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}
