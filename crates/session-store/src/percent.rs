//! Percent-encoding, as far as a path in a URL needs it.

/// The text with each `%` and two hexadecimal digits replaced by that byte; `None` where the digits are
/// missing or the bytes are no UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits =
            part.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// Encodes what [`decode`] and the URL around it would take for something else, and control characters,
/// which could harm a terminal.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '?') || c.is_control() {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        } else {
            encoded.push(c);
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
    fn decodes(#[case] encoded: &str, #[case] text: &str) {
        assert_eq!(decode(encoded).as_deref(), Some(text));
    }

    #[rstest]
    #[case("%")]
    #[case("a%2")]
    #[case("%+1")]
    #[case("%é")]
    #[case("%FF")]
    fn refuses(#[case] encoded: &str) {
        assert_eq!(decode(encoded), None);
    }

    #[rstest]
    #[case("a b/é#&=")]
    #[case("100%?\n\u{85}")]
    fn encoding_is_undone_by_decoding(#[case] text: &str) {
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        assert!(!encode(text).contains(char::is_control));
    }
}
