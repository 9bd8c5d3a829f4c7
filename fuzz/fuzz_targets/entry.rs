//! Any bytes as an entry ([E3](session_store_core::contract#e3)).

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use session_store_core::LogEntry;

fuzz_target!(|bytes: &[u8]| {
    let read = LogEntry::from_utf8(bytes.to_vec());
    // serde_json limits the depth of an object, so an entry need not be an object for serde_json.
    let is_object = |text| serde_json::from_str::<HashMap<String, IgnoredAny>>(text).is_ok();
    if str::from_utf8(bytes).is_ok_and(is_object) {
        assert!(read.is_ok(), "{read:?}");
    }
    let Ok(entry) = read else { return };
    let text = entry.as_json();
    assert!(text.starts_with('{') && text.ends_with('}') && !text.contains('\n'), "{text:?}");
    assert_eq!(LogEntry::from_json(text).unwrap(), entry);
});
