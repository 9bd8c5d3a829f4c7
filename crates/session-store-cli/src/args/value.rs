//! Parsers of names, sizes and URLs.

use std::ffi::OsStr;

use clap::Arg;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use session_store::{Head, InvalidHead, PodName, StoreUrl};
use session_store_import::Filter;

/// Parses the name of a pod. The message contains the rule for names.
pub(super) fn pod_name(text: &str) -> Result<PodName, &'static str> {
    text.parse().map_err(|_| PodName::RULE)
}

/// The head that a segment must have, or `None` if the segment must not exist.
#[derive(Clone, Copy)]
pub(crate) struct ExpectedHead(pub(crate) Option<Head>);

/// Parses a head as `count --head` prints it, or `none`.
pub(super) fn expected_head(text: &str) -> Result<ExpectedHead, InvalidHead> {
    if text == "none" { Ok(ExpectedHead(None)) } else { text.parse().map(Some).map(ExpectedHead) }
}

/// Parses a size: a number of bytes, or of KiB, MiB or GiB.
pub(super) fn size(text: &str) -> Result<usize, &'static str> {
    const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("", 0)];
    let parse = |(unit, shift): (&str, u32)| {
        let number: u32 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        usize::try_from(u64::from(number) << shift).ok().filter(|size| *size > 0)
    };
    UNITS.into_iter().find_map(parse).ok_or("a size is a number of bytes, KiB, MiB or GiB")
}

/// Checks a pattern of file names.
pub(super) fn pattern(text: &str) -> Result<String, String> {
    Filter::new().include(text).map(|_| text.to_owned())
}

/// Parses a URL. The usual parsers of clap would print an invalid URL with its password.
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
            let arg = arg.map_or_else(|| "<STORE>".to_owned(), ToString::to_string);
            let message = format!("invalid URL for {arg}: {error}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("256MiB", Some(256 << 20))]
    #[case("1 KiB", Some(1024))]
    #[case("7", Some(7))]
    #[case("0", None)]
    #[case("1MB", None)]
    #[case("-1", None)]
    #[case("MiB", None)]
    fn a_size_is_parsed(#[case] text: &str, #[case] expected: Option<usize>) {
        assert_eq!(size(text).ok(), expected);
    }
}
