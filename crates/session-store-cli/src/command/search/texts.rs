//! The texts of an entry that are searched.

use std::borrow::Cow;

use serde_json::Value;
use session_store_import::{Description, lenient_value};

/// Returns the title and the text of an entry, and the names and arguments of its calls of tools.
///
/// Each string in the arguments is a text of its own, without its escape sequences.
pub(super) fn texts(description: &Description) -> Vec<Cow<'_, str>> {
    let said = [&description.title, &description.text].into_iter().flatten();
    let mut texts: Vec<_> = said.map(Cow::from).collect();
    for call in &description.tool_calls {
        texts.push(Cow::from(&call.name));
        match lenient_value(&call.input) {
            // The arguments of some tools are a text.
            arguments @ (Value::Object(_) | Value::Array(_) | Value::String(_)) => {
                add_strings(arguments, &mut texts);
            }
            _ => texts.push(Cow::from(&call.input)),
        }
    }
    texts
}

/// Adds the strings in a value. The recursion is bounded, because the decoder limits the nesting.
fn add_strings(value: Value, texts: &mut Vec<Cow<'_, str>>) {
    match value {
        Value::String(text) => texts.push(text.into()),
        Value::Array(values) => values.into_iter().for_each(|value| add_strings(value, texts)),
        Value::Object(fields) => {
            fields.into_iter().for_each(|(_, value)| add_strings(value, texts));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use session_store_import::ToolCall;

    use super::*;

    fn of_call(input: &str) -> Vec<String> {
        let call = ToolCall { name: "Bash".to_owned(), input: input.to_owned() };
        let description = Description { tool_calls: vec![call], ..Description::default() };
        texts(&description).into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn the_arguments_of_a_tool_are_decoded() {
        let input = r#"{"command":"echo \"hi\"","n":1,"more":[{"a":"x"}]}"#;
        assert_eq!(of_call(input), ["Bash", "echo \"hi\"", "x"]);
        assert_eq!(of_call("*** Begin \"Patch\""), ["Bash", "*** Begin \"Patch\""]);
        assert_eq!(of_call("12"), ["Bash", "12"]);
        assert_eq!(of_call(r#"{"a":"\"hi\"","n":1e999}"#), ["Bash", "\"hi\"", "1e999"]);
    }
}
