//! The URLs of stores on servers: the parts of such a URL, and its percent-encoding. The backends
//! for servers use this module.
//!
//! The texts of errors do not contain any part of a URL, because the part could be a password.

use std::fmt;

use crate::percent;

/// The parts of `SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT/PATH?OPTION=VALUE&OPTION=VALUE`.
///
/// The user, the password and the values of options are decoded.
pub struct ServerUrl<'a> {
    /// The scheme, in lower case.
    pub scheme: String,
    /// The user, if there is one.
    pub user: Option<String>,
    /// The password, if there is a colon after the user.
    pub password: Option<String>,
    /// The hosts, which [`Host::parse_list`] parses.
    pub hosts: &'a str,
    /// The text after the hosts, without the slash.
    pub path: &'a str,
    /// The options, in the order of the URL.
    pub options: Vec<(&'a str, String)>,
}

impl<'a> ServerUrl<'a> {
    /// Splits a URL. Returns `None` for a text without `://`.
    ///
    /// # Errors
    /// The reason why a part cannot be decoded.
    pub fn split(text: &'a str) -> Result<Option<Self>, &'static str> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, target) = target.rsplit_once('@').unwrap_or(("", target));
        let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
        let (hosts, path) = target.split_once('/').unwrap_or((target, ""));
        let options = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (option, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((option, decode(value)?))
        });
        Ok(Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: Some(decode(user)?).filter(|user| !user.is_empty()),
            password: password.map(decode).transpose()?,
            hosts,
            path,
            options: options.collect::<Result<_, _>>()?,
        }))
    }
}

/// A host and a port. The host is a host name, an address, or the folder of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// The name, without the brackets of an IPv6 address.
    pub name: String,
    /// The port, if the URL has one.
    pub port: Option<u16>,
}

impl Host {
    /// Parses a list of hosts that are separated by commas.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_list(text: &str) -> Result<Vec<Self>, &'static str> {
        text.split(',').map(Self::parse).collect()
    }

    /// Parses `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`. The name can be empty.
    ///
    /// # Errors
    /// The reason why the text is not a host.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, rest) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((name, rest))) => (name, rest),
            Some(None) => return Err("an IPv6 address ends with ]"),
            None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if rest.is_empty() => None,
            None => return Err("a port follows a colon"),
        };
        Ok(Self { name: decode(name)?, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') {
            write!(f, "[{name}]")?;
        } else {
            f.write_str(&encode(name))?;
        }
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Parses the number of a port.
///
/// # Errors
/// The reason why the text is not a port.
pub fn parse_port(text: &str) -> Result<u16, &'static str> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err("a port is a number from 1 to 65535; in a password, / is written %2F"),
    }
}

/// Decodes a part of a URL.
///
/// # Errors
/// The reason why the text cannot be decoded.
pub fn decode(text: &str) -> Result<String, &'static str> {
    // The most likely cause of the error is a password that is not encoded.
    percent::decode(text)
        .ok_or("% must be followed by two hexadecimal digits of UTF-8; write %25 for a %")
}

/// Encodes every character that could be taken for the end of this part of the URL.
#[must_use]
pub fn encode(text: &str) -> String {
    percent::encode(text, |c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_url_has_parts() {
        let url = ServerUrl::split("POSTGRES://u%40:p%2f@a,[::1]:2/db?x=%20&y&z=1=2");
        let url = url.unwrap().unwrap();
        assert_eq!((url.scheme.as_str(), url.hosts, url.path), ("postgres", "a,[::1]:2", "db"));
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("u@"), Some("p/")));
        let options =
            [("x", " "), ("y", ""), ("z", "1=2")].map(|(name, value)| (name, value.into()));
        assert_eq!(url.options, options);
        let hosts = Host::parse_list(url.hosts).unwrap();
        assert_eq!(hosts.iter().map(Host::to_string).collect::<Vec<_>>(), ["a", "[::1]:2"]);
        assert!(ServerUrl::split("postgres:h").unwrap().is_none());
    }

    #[rstest]
    #[case("a:0", "port is a number")]
    #[case("a:65536", "port is a number")]
    #[case("[::1", "ends with ]")]
    #[case("[::1]7", "follows a colon")]
    #[case("a%z", "%25")]
    fn a_malformed_host_is_refused(#[case] text: &str, #[case] reason: &str) {
        let error = Host::parse(text).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}
