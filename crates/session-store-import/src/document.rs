//! Splits one JSON document into entries without changing their text.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError};

/// Returns the elements of a JSON array of objects. Only white space that contains line breaks is
/// removed from the text of an element.
///
/// # Errors
/// [`StoreError::Serde`] if the document is not an array of objects.
pub fn elements(document: &str) -> Result<Vec<LogEntry>, StoreError> {
    entries(&serde_json::from_str::<Vec<&RawValue>>(document)?)
}

/// Returns parts of a document as entries.
///
/// # Errors
/// [`StoreError::Serde`] if a part is not an object.
pub fn entries(parts: &[&RawValue]) -> Result<Vec<LogEntry>, StoreError> {
    parts.iter().map(|part| LogEntry::from_json(part.get())).collect()
}

/// Returns the fields of a JSON object, in their order, with the text of each value.
///
/// # Errors
/// [`StoreError::Serde`] if the document is not an object.
pub fn fields(document: &str) -> Result<Vec<(String, &RawValue)>, StoreError> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, &'de RawValue)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(field) = map.next_entry()? {
                fields.push(field);
            }
            Ok(fields)
        }
    }
    let mut document = serde_json::Deserializer::from_str(document);
    let fields = document.deserialize_map(Fields)?;
    document.end()?;
    Ok(fields)
}

/// Returns an entry that contains only the selected fields. `keep` receives the name of a field and
/// returns whether to keep the field.
///
/// # Errors
/// [`StoreError::Serde`] if the fields do not form an object.
pub fn object(
    fields: Vec<(String, &RawValue)>,
    keep: impl Fn(&str) -> bool,
) -> Result<LogEntry, StoreError> {
    let kept = fields.into_iter().filter(|(name, _)| keep(name));
    let kept: Vec<_> =
        kept.map(|(name, raw)| format!("{}:{}", Value::from(name), raw.get())).collect();
    LogEntry::from_json(format!("{{{}}}", kept.join(",")))
}

/// Returns the header of a document, followed by its messages. The header has all fields of the
/// document except `messages` and the `omitted` fields.
///
/// # Errors
/// [`StoreError::Serde`] if the document or one of its messages is not an object.
pub fn header_and_messages(document: &str, omitted: &[&str]) -> Result<Vec<LogEntry>, StoreError> {
    let fields = fields(document)?;
    let messages = fields.iter().find(|(name, _)| name == "messages");
    let messages = messages.map_or(Ok(Vec::new()), |(_, raw)| elements(raw.get()))?;
    let header = object(fields, |name| name != "messages" && !omitted.contains(&name))?;
    Ok([vec![header], messages].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_spelling_and_order() {
        let document = "[\n  {\"b\": 1.0,\n   \"a\": 1e999},\n  {}\n]\n";
        let texts: Vec<_> = elements(document).unwrap();
        let texts: Vec<_> = texts.iter().map(LogEntry::as_json).collect();
        assert_eq!(texts, [r#"{"b": 1.0,"a": 1e999}"#, "{}"]);
        assert!(elements("[1]").is_err() && elements("{}").is_err());
    }

    #[test]
    fn fields_keep_their_spelling_and_order() {
        let document = r#"{"b": 1.0, "a\n": [1e999], "c": {"x": null}}"#;
        let kept = object(fields(document).unwrap(), |name| name != "c").unwrap();
        assert_eq!(kept.as_json(), r#"{"b":1.0,"a\n":[1e999]}"#);
        assert!(fields("[]").is_err() && fields("{} {}").is_err());
    }
}
