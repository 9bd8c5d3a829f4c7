//! Any bytes as a file of an agent program. An import stores only text of the file, and a second
//! import stores nothing new.

#![no_main]

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use session_store_core::{LogEntry, Store, StoreExt};
use session_store_import::{Import, Options, Summary, format_of, time_of};
use session_store_memory::MemoryStore;

/// The paths of files of each format.
const PATHS: [&str; 14] = [
    "log.jsonl",
    "01890a5d-ac96-774b-bcce-b302099a8057/01890a5d-ac96-774b-bcce-b302099a8058.jsonl",
    "01890a5d-ac96-774b-bcce-b302099a8057/01890a5d-ac96-774b-bcce-b302099a8058.trace.jsonl",
    "pods/agent/metadata.json",
    "chats/01890a5d-ac96-774b-bcce-b302099a8057.jsonl",
    "chats/session.json",
    "session-state/01890a5d-ac96-774b-bcce-b302099a8057/events.jsonl",
    "project/01890a5d-ac96-774b-bcce-b302099a8057.jsonl",
    "project/01890a5d-ac96-774b-bcce-b302099a8057/subagents/agent-a1.jsonl",
    "sessions/rollout-2026-01-01T00-00-00-01890a5d-ac96-774b-bcce-b302099a8057.jsonl",
    "sessions/rollout-2025-01-01-01890a5d-ac96-774b-bcce-b302099a8057.json",
    ".openclaw/agents/main/sessions/01890a5d-ac96-774b-bcce-b302099a8057.jsonl",
    "tasks/01890a5d-ac96-774b-bcce-b302099a8057/api_conversation_history.json",
    "tasks/1/api_conversation_history.json",
];

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (number, salvage, bytes) = input;
    let path = PATHS[usize::from(number) % PATHS.len()];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();

    let mut options = Options::default();
    options.salvage = salvage;
    options.max_line = 1 << 20;
    let folders = [folder.path().to_owned()];
    let store = MemoryStore::new();
    let first = import(&folders, &options, &store);
    let second = import(&folders, &options, &store);
    assert_eq!((second.new, second.entries), (0, first.entries), "{first:?} {second:?}");

    // An entry is one line, so a carriage return between its tokens is not stored.
    let stored: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'\r').collect();
    let is_compressed = bytes.starts_with(b"\x1F\x8B") || bytes.starts_with(b"\x28\xB5\x2F\xFD");
    for entries in logs(&store) {
        let format = format_of(&entries);
        for entry in &entries {
            let text = entry.as_json().as_bytes();
            let is_part = || stored.windows(text.len()).any(|part| part == text);
            assert!(is_compressed || path.ends_with(".json") || is_part(), "{entry:?}");
            format.describe(entry);
            time_of(entry);
        }
    }
});

fn import(folders: &[PathBuf], options: &Options, store: &MemoryStore) -> Summary {
    let mut open = || Ok::<&dyn Store, Infallible>(store);
    let Ok(summary) = Import::new(folders, options).run(&mut open, &mut |_| Ok(()));
    summary
}

fn logs(store: &MemoryStore) -> Vec<Vec<LogEntry>> {
    let sessions = store.list_sessions().unwrap();
    let segments = sessions.into_iter().flat_map(|session| {
        let segments = store.list_segments(session).unwrap();
        segments.into_iter().map(move |segment| store.read_all(session, segment).unwrap())
    });
    segments.collect()
}
