//! The parts of a URL that several backends share: scheme, path and options.

use std::path::{Path, PathBuf};
use std::time::Duration;

use session_store_core::{Durability, percent};

use crate::error::UrlError;

/// The option that sets the time to wait for another writer.
pub(crate) const BUSY_TIMEOUT: &str = "busy_timeout";

/// The option for the durability: which failures an acknowledged change survives.
pub(crate) const DURABILITY: &str = "durability";

/// The option that lets one handle make all changes.
pub(crate) const EXCLUSIVE: &str = "exclusive";

/// A URL, split into scheme, target and query.
pub(crate) struct SplitUrl<'a> {
    /// The scheme, in lower case.
    pub(crate) scheme: String,
    /// The text between the scheme's colon and the query.
    pub(crate) target: &'a str,
    /// The text after the question mark, or an empty text.
    pub(crate) query: &'a str,
}

impl<'a> SplitUrl<'a> {
    /// Splits a text that starts with a scheme (RFC 3986) and a colon. Returns `None` for any other
    /// text.
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(is_allowed)
        {
            return None;
        }
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        Some(Self { scheme: scheme.to_ascii_lowercase(), target, query })
    }

    /// The path in the target, decoded.
    pub(crate) fn path(&self) -> Result<PathBuf, UrlError> {
        let path = match self.target.strip_prefix("//") {
            Some(absolute) if absolute.starts_with('/') => absolute,
            Some(_) => return Err(UrlError::Host(self.scheme.clone())),
            None => self.target,
        };
        if path.is_empty() {
            return Err(UrlError::NoPath(self.scheme.clone()));
        }
        percent::decode(path).map(PathBuf::from).ok_or(UrlError::Percent("a path"))
    }

    /// The options in the query. Each item has the name of an option and the decoded value. The
    /// name must be in `known`.
    pub(crate) fn options(
        &self,
        known: &'static [&'static str],
    ) -> Result<Vec<(&'static str, String)>, UrlError> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (option, value) = pair.split_once('=').unwrap_or((pair, ""));
                let name = known.iter().find(|name| **name == option);
                let name = name.ok_or_else(|| UrlError::UnknownOption {
                    scheme: self.scheme.clone(),
                    option: option.to_owned(),
                    known,
                })?;
                let value = percent::decode(value).ok_or(UrlError::Percent("an option"))?;
                Ok((*name, value))
            })
            .collect()
    }
}

/// Reads a duration such as `5s` or `250ms`.
pub(crate) fn parse_duration(option: &'static str, value: &str) -> Result<Duration, UrlError> {
    let number = |digits: &str| digits.parse::<u32>().ok().map(u64::from);
    let parsed = match value.strip_suffix("ms") {
        Some(digits) => number(digits).map(Duration::from_millis),
        None => value.strip_suffix('s').and_then(number).map(Duration::from_secs),
    };
    parsed.ok_or_else(|| UrlError::BadDuration { option, value: value.to_owned() })
}

/// Reads the value of the option `durability`.
pub(crate) fn parse_durability(value: &str) -> Result<Durability, UrlError> {
    value.parse().map_err(|_| UrlError::BadDurability { value: value.to_owned() })
}

/// Reads the value of an option that is on or off.
pub(crate) fn parse_switch(option: &'static str, value: &str) -> Result<bool, UrlError> {
    value.parse().map_err(|_| UrlError::BadSwitch { option, value: value.to_owned() })
}

/// Writes a path so that [`SplitUrl::path`] reads it back.
pub(crate) fn path_text(path: &Path) -> String {
    // Control characters are encoded too, because they can change the output of a terminal.
    let is_plain = |c: char| !matches!(c, '%' | '?') && !c.is_control();
    let encoded = percent::encode(&path.to_string_lossy(), is_plain);
    // Two slashes after the scheme begin a host. So a path that itself begins with two slashes gets
    // two more slashes.
    if encoded.starts_with("//") { format!("//{encoded}") } else { encoded }
}

/// Writes the option `durability`, unless it has its default value.
pub(crate) fn durability_option(durability: Durability) -> Option<String> {
    (durability != Durability::default()).then(|| format!("{DURABILITY}={durability}"))
}

/// Writes the option `exclusive`, if it is on.
pub(crate) fn exclusive_option(is_exclusive: bool) -> Option<String> {
    is_exclusive.then(|| format!("{EXCLUSIVE}=true"))
}

/// Writes the options, with a question mark before the first option.
pub(crate) fn query_text<const N: usize>(options: [Option<String>; N]) -> String {
    let options: Vec<_> = options.into_iter().flatten().collect();
    if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) }
}
