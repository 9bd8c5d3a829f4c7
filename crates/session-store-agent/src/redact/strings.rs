//! The strings in a JSON text.

/// Replaces strings in a JSON text. Names of fields are strings too. `replace` receives the content
/// of each string, with its escapes decoded. It returns the new content, or `None` to keep the
/// string.
///
/// All bytes outside the replaced strings are kept. Returns `None` if no string changes.
pub(super) fn replace_strings(
    json: &str,
    replace: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut replaced = String::new();
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let (before, string) = rest.split_at(start);
        let (string, after) = string.split_at(length(string));
        replaced.push_str(before);
        match replace_one(string, &replace) {
            Some(new) => replaced.push_str(&new),
            None => replaced.push_str(string),
        }
        rest = after;
    }
    replaced.push_str(rest);
    (replaced != json).then_some(replaced)
}

/// Returns the length of the string at the start of the text, including the quotes.
fn length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

fn replace_one(string: &str, replace: impl Fn(&str) -> Option<String>) -> Option<String> {
    let content = &string[1..string.len() - 1];
    let new = if content.contains('\\') {
        match serde_json::from_str::<String>(string) {
            Ok(content) => replace(&content)?,
            // A string with half of a surrogate pair cannot be decoded, so `replace` receives the
            // escaped text. A secret in this text may contain escapes, and replacing only a part of
            // it is not safe. So the whole string is replaced if it has a secret.
            Err(_) => replace(content).map(|_| "[redacted string]".to_owned())?,
        }
    } else {
        replace(content)?
    };
    Some(serde_json::Value::from(new).to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fields_and_names(r#"{"x":1.0,"a":["x","x y"]}"#, r#"{"z":1.0,"a":["z","z y"]}"#)]
    #[case::escapes(r#"{"a":"\"x\\","b\n":"\u0078"}"#, r#"{"a":"\"z\\","b\n":"z"}"#)]
    #[case::others_keep_their_escapes(r#"{"a":"\u0041\/","b":"x"}"#, r#"{"a":"\u0041\/","b":"z"}"#)]
    #[case::half_a_pair(
        r#"{"a":"\ud800x","b":"\ud800"}"#,
        r#"{"a":"[redacted string]","b":"\ud800"}"#
    )]
    fn strings_are_replaced(#[case] json: &str, #[case] expected: &str) {
        let replace = |text: &str| text.contains('x').then(|| text.replace('x', "z"));
        assert_eq!(replace_strings(json, replace).as_deref(), Some(expected));
    }

    #[test]
    fn a_text_without_replacements_is_not_returned() {
        assert_eq!(replace_strings(r#"{ "a": "\u0041" , "b": 1e999 }"#, |_| None), None);
    }
}
