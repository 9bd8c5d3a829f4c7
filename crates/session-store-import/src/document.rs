//! Splitting one JSON document into entries without changing their text.

use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError};

/// Returns the elements of a JSON array of objects. White space that contains line breaks is
/// removed, and nothing else changes.
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
}
