//! Any bytes as a log file. An append is read back, and a repair keeps every entry
//! ([R4](session_store_core::contract#r4), [R5](session_store_core::contract#r5),
//! [M7](session_store_core::contract#m7)).

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use session_store_core::{LogEntry, Store};
use session_store_fs::FsStore;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let id = Uuid::from_u128(1);
    let (session, segment) = (id.into(), id.into());
    let path = folder.path().join(id.to_string());
    fs::create_dir(&path).unwrap();
    fs::write(path.join(format!("{id}.jsonl")), bytes).unwrap();

    let store = FsStore::open_or_create(folder.path()).unwrap();
    let before = store.read_all(session, segment).ok();
    let count = store.read_entry_count(session, segment).unwrap();
    assert!(before.as_ref().is_none_or(|entries| entries.len() == count));

    let entry = LogEntry::from_json(r#"{"appended":true}"#).unwrap();
    store.append(session, segment, &entry).unwrap();
    assert_eq!(store.read_entry_count(session, segment).unwrap(), count + 1);
    let page = store.read_page(session, segment, count, usize::MAX).unwrap();
    assert_eq!(page.entries, [entry.clone()]);

    let maintenance = store.maintenance().unwrap();
    maintenance.check(&mut |_| ()).unwrap();
    maintenance.repair(&mut |_| ()).unwrap();
    let repaired = store.read_all(session, segment).unwrap();
    // A repair ends a log before a line that begins with NUL
    // ([M5](session_store_core::contract#m5)).
    if bytes.split(|&byte| byte == b'\n').any(|line| line.first() == Some(&0)) {
        return;
    }
    assert_eq!(repaired.last(), Some(&entry));
    if let Some(before) = before {
        assert_eq!(repaired, [before, vec![entry]].concat());
    }
    drop(store);
    let reopened = FsStore::open(folder.path()).unwrap();
    assert_eq!(reopened.read_all(session, segment).unwrap(), repaired);
});
