//! The patterns of secrets. A pattern has a prefix that does not occur in other text, and a length.

/// The name of the group for the secret itself, in a pattern that also matches text around the
/// secret.
pub(super) const TOKEN: &str = "token";

/// The kinds of secrets, each with its pattern.
///
/// No pattern requires a word boundary before the prefix. The text can be JSON inside of a string.
/// A line break before a key is then written as `\n`, so the letter `n` is directly before the key.
pub(super) const PATTERNS: [(&str, &str); 19] = [
    ("anthropic-key", "sk-ant-[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_-]{40,}"),
    ("openrouter-key", "sk-or-v1-[0-9a-f]{64}"),
    (
        "openai-key",
        "sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
    ),
    ("google-key", "AIza[0-9A-Za-z_-]{35}"),
    ("aws-key-id", r"(?:AKIA|ASIA)[A-Z2-7]{16}(?-u:\b)"),
    ("github-token", "gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}"),
    ("gitlab-token", r"glpat-[A-Za-z0-9_-]{20,}"),
    ("groq-key", "gsk_[A-Za-z0-9]{40,}"),
    ("huggingface-token", "hf_[A-Za-z0-9]{34,}"),
    ("npm-token", "npm_[A-Za-z0-9]{36,}"),
    ("perplexity-key", "pplx-[A-Za-z0-9]{40,}"),
    ("pypi-token", "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("replicate-token", "r8_[A-Za-z0-9]{37,}"),
    ("slack-token", "xox[abeoprs]-[A-Za-z0-9-]{20,}"),
    ("slack-webhook", "hooks[.]slack[.]com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}"),
    ("stripe-key", "[rs]k_live_[A-Za-z0-9]{20,}"),
    ("xai-key", "xai-[A-Za-z0-9]{60,}"),
    ("private-key", PRIVATE_KEY),
    ("bearer", r"(?i-u:bearer)[ ]+(?<token>[A-Za-z0-9._~+/-]{20,}=*)"),
];

/// A whole block of a private key. A block without its end also matches, if it has at least one
/// line of the key.
///
/// A line break in the block can be a real line break. In JSON inside of a string, a line break is
/// the letter `n` after any number of backslashes.
const PRIVATE_KEY: &str = concat!(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:",
    r"(?:[A-Za-z0-9+/=:;,.()@<> \r\n-]|\\+[nrt/])*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|",
    r"(?:(?:[\r\n]|\\+[nr])+[A-Za-z0-9+/]{16,}=*)+)",
);
