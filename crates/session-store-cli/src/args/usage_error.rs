//! Messages of the argument parser, without the passwords of the arguments.

use std::{env, process};

use crate::message::{self, Kind};

/// Prints the message of the parser and ends the program.
///
/// If an argument is in the wrong place, the message of the parser contains the argument. The
/// argument can be a URL with a password.
pub(super) fn exit(error: &clap::Error) -> ! {
    let message = error.render().to_string();
    let redacted = env::args().fold(message.clone(), |message, arg| redact(&message, &arg));
    if error.use_stderr() && env::args().any(|arg| arg == "--json") {
        message::set_format(true, Vec::new());
        message::print(Kind::Usage, redacted.trim_end(), None);
        process::exit(error.exit_code());
    }
    if redacted == message {
        error.exit();
    }
    eprint!("{redacted}");
    process::exit(error.exit_code());
}

/// Replaces the login of a URL, and the values of its options that end in `password`.
fn redact(message: &str, url: &str) -> String {
    let mut message = message.to_owned();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if let Some((login, _)) = rest.rsplit_once('@').filter(|(login, _)| login.contains(':')) {
        message = message.replace(&format!("{login}@"), "***@");
    }
    for option in rest.split(['?', '&']).filter(|option| option.contains("password=")) {
        message = message.replace(option, "password=***");
    }
    message
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("redis://user:hunter2@host/0", "'redis://***@host/0'")]
    #[case("postgres://user:hunter2@host/db", "'postgres://***@host/db'")]
    #[case("rdis//:hunter2@h@host", "'***@host'")]
    #[case("redis-sentinel://h/m?sentinel_password=hunter2", "'redis-sentinel://h/m?password=***'")]
    #[case("fs:logs", "'fs:logs'")]
    #[case("notes@home", "'notes@home'")]
    fn a_password_is_replaced(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(redact(&format!("'{url}'"), url), expected);
    }
}
