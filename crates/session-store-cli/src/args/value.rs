//! Reading ids and URLs.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::Arg;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use session_store::StoreUrl;

/// Reads an id; the parser's own message would not say what was expected.
pub(super) fn id<T: FromStr<Err = uuid::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("not a UUID ({error})"))
}

/// Reads a URL. Clap's own parser would repeat a wrong one in its message, password and all.
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
