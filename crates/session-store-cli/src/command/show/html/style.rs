//! The style sheet of the page, and the policy that allows only this style sheet.

/// The text of the style sheet.
pub(super) const STYLE: &str = include_str!("style.css");

/// The content security policy of the page.
///
/// A browser that obeys the policy runs no script, loads nothing, and uses no style but [`STYLE`].
/// This holds even if a part of a log was not escaped. The policy contains the SHA-256 of the style
/// sheet.
pub(super) const POLICY: &str = "default-src 'none'; style-src \
                                 'sha256-pjYa2P5q4jRtOxyRlvLOxDe4ZPii3vYgDNhvDd95MSY='; \
                                 base-uri 'none'; form-action 'none'";

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_policy_contains_the_hash_of_the_style_sheet() {
        let mut command = Command::new("sh");
        command.args(["-c", "openssl dgst -sha256 -binary | openssl base64"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(STYLE.as_bytes()).unwrap();
        let hash = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(POLICY.contains(&format!("'sha256-{}'", hash.trim())), "the hash is {hash}");
    }
}
