//! Any text as the URL of a store. A URL is written without its password, and the written text is a
//! URL again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_store::StoreUrl;

/// The beginnings of URLs that can have a password.
const SERVERS: [&str; 8] = [
    "redis://",
    "rediss://",
    "redis+unix://",
    "redis-sentinel://",
    "redis-cluster://",
    "postgres://",
    "postgresql://",
    "postgres:",
];

const PASSWORD: &str = "hunter2";

fuzz_target!(|text: &str| {
    let read = text.parse::<StoreUrl>();
    if let Ok(url) = &read {
        let written = url.to_string();
        let again: StoreUrl = written.parse().unwrap();
        assert_eq!(again.to_string(), written);
        let has_password = text.contains('@') || text.to_lowercase().contains("password");
        assert!(has_password || again == *url, "{written}");
    }
    if text.contains(PASSWORD) {
        return;
    }
    for server in SERVERS {
        let shown = match format!("{server}user:{PASSWORD}@{text}").parse::<StoreUrl>() {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains(PASSWORD), "{server}: {shown}");
    }
});
