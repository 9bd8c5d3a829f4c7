//! Percent-encoding, for crates that read and write the URLs of stores.

/// Decodes a percent-encoded text: replaces each `%` and the two hexadecimal digits after it by the
/// byte with this number.
///
/// Returns `None` if the digits are missing, or if the bytes are not UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        // Check the digits first, because `from_str_radix` also accepts a sign.
        let digits =
            part.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// Encodes every character for which `is_plain` returns false, byte by byte. `is_plain('%')` must
/// be false, otherwise [`decode`] does not return the original text.
pub fn encode(text: &str, is_plain: impl Fn(char) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            encoded.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain", "plain")]
    #[case("a%20b", "a b")]
    #[case("%25%3f%3F", "%??")]
    #[case("%C3%A9", "é")]
    fn encoded_text_is_decoded(#[case] encoded: &str, #[case] text: &str) {
        assert_eq!(decode(encoded).as_deref(), Some(text));
    }

    #[rstest]
    #[case("%")]
    #[case("a%2")]
    #[case("%+1")]
    #[case("%é")]
    #[case("%FF")]
    fn malformed_text_is_refused(#[case] encoded: &str) {
        assert_eq!(decode(encoded), None);
    }

    #[rstest]
    #[case("a b/é#&=", "a%20b/%C3%A9#&=")]
    #[case("100%?\n\u{85}", "100%25%3F%0A%C2%85")]
    fn decoding_reverses_encoding(#[case] text: &str, #[case] encoded: &str) {
        assert_eq!(encode(text, |c| c.is_ascii_graphic() && !"%?".contains(c)), encoded);
        assert_eq!(decode(encoded).as_deref(), Some(text));
    }
}
