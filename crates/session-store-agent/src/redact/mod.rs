//! `Redactor`: replaces secrets in the strings of an entry.

mod patterns;
mod strings;

use regex::{Captures, Regex};
use session_store_core::LogEntry;

use patterns::{PATTERNS, TOKEN};
use strings::replace_strings;

/// Replaces secrets in entries, before they are stored.
///
/// Each pattern requires a known prefix and the length of the secret, so that other text is not
/// changed. Each secret is replaced by its kind in brackets, such as `[redacted openai-key]`. The
/// secrets are:
///
/// - API keys of Anthropic, AWS, GitHub, GitLab, Google, Groq, Hugging Face, npm, OpenAI,
///   OpenRouter, Perplexity, PyPI, Replicate, Slack, Stripe and xAI,
/// - blocks of private keys (PEM and PGP), even if the end of a block is missing,
/// - bearer tokens of at least 20 characters that have a letter and a digit.
///
/// Passwords and keys without a known form are **not** found. A secret that is split over several
/// entries is also **not** found. This can happen in a streamed answer.
///
/// Only strings with a secret change. All other bytes of the entry are kept. For the same entry,
/// every call returns the same result. So
/// [`SegmentWriter::map_entries`](crate::SegmentWriter::map_entries) can use the redactor.
///
/// ```
/// use session_store_agent::Redactor;
/// use session_store_core::LogEntry;
///
/// let output = format!(r#"{{"output":"GROQ_API_KEY=gsk_{}","code":1.0}}"#, "x9".repeat(26));
/// let redacted = Redactor::new().redact(&LogEntry::from_json(output)?);
/// assert_eq!(redacted.as_json(), r#"{"output":"GROQ_API_KEY=[redacted groq-key]","code":1.0}"#);
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Redactor {
    /// All patterns as alternatives. Each pattern is a group with the name of its kind of secret.
    secrets: Regex,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Redactor {
    /// Returns a redactor with the patterns that [`Redactor`] describes.
    #[must_use]
    pub fn new() -> Self {
        let group = |(kind, pattern)| format!("(?<{}>{pattern})", group_of(kind));
        let alternatives: Vec<_> = PATTERNS.into_iter().map(group).collect();
        let secrets = Regex::new(&alternatives.join("|"));
        Self { secrets: secrets.expect("a test compiles the patterns, which never change") }
    }

    /// Returns the entry without secrets. An entry without secrets is returned unchanged.
    #[must_use]
    pub fn redact(&self, entry: &LogEntry) -> LogEntry {
        let redacted = replace_strings(entry.as_json(), |text| self.redact_text(text));
        let parse = |json: String| {
            LogEntry::from_json(json).expect("an object stays an object if its strings change")
        };
        redacted.map_or_else(|| entry.clone(), parse)
    }

    /// Returns the text without its secrets, or `None` if the text has no secret.
    fn redact_text(&self, text: &str) -> Option<String> {
        if !self.secrets.is_match(text) {
            return None;
        }
        let redacted = self.secrets.replace_all(text, replacement);
        (redacted != text).then(|| redacted.into_owned())
    }
}

fn replacement(found: &Captures<'_>) -> String {
    let all = &found[0];
    let of = |kind: &str| format!("[redacted {kind}]");
    // Of a bearer token, only the token itself is secret and not the word before it. A text without
    // a digit, such as "Bearer authentication_is_required", does not contain a token.
    if let Some(token) = found.name(TOKEN) {
        let token = token.as_str();
        let has = |is: fn(&char) -> bool| token.chars().any(|character| is(&character));
        let is_random = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
        let before = &all[..all.len() - token.len()];
        return if is_random { before.to_owned() + &of("bearer-token") } else { all.to_owned() };
    }
    let kind = PATTERNS.iter().find(|(kind, _)| found.name(&group_of(kind)).is_some());
    of(kind.map_or("secret", |(kind, _)| kind))
}

/// Returns the name of a group of the regular expression.
fn group_of(kind: &str) -> String {
    kind.replace('-', "_")
}
