//! Parsers of ids, names and URLs.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::Arg;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use session_store::{PodName, StoreUrl};

/// Parses an id. The message of the parser itself does not name the expected format.
pub(super) fn id<T: FromStr<Err = uuid::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("not a UUID ({error})"))
}

/// Parses the name of a pod. The message contains the rule for names.
pub(super) fn pod_name(text: &str) -> Result<PodName, &'static str> {
    text.parse().map_err(|_| PodName::RULE)
}

/// Parses a URL. The messages of clap's own parser would contain an invalid URL with its password.
#[derive(Clone)]
pub(super) struct UrlParser;

impl TypedValueParser for UrlParser {
    type Value = StoreUrl;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<StoreUrl, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, arg, value)?;
        text.parse().map_err(|error| {
            let arg = arg.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid URL for {arg}: {error}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}
