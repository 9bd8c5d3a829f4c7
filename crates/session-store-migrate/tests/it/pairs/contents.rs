//! The content that the tests of all pairs copy. It is either a store with unusual ids, texts,
//! sizes and names, or the logs of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use session_store_core::{LogEntry, Pod, SegmentId, SegmentKey, SessionId, Store};
use uuid::Uuid;

use crate::backup::{PODS, UNUSUAL};
use crate::{entries, trace};

/// Fills a store with unusual ids, texts, sizes and names.
pub(super) fn populate(store: &dyn Store) {
    let shared = SegmentId::new();
    for session in [Uuid::nil(), Uuid::from_u128(u128::MAX), Uuid::now_v7(), Uuid::now_v7()] {
        let session = SessionId::from(session);
        store.append_all(session, shared, &entries(&UNUSUAL)).unwrap();
        store.create_segment(session, SegmentId::new(), &[]).unwrap();
    }
    let session = SessionId::new();
    trace(store, SegmentKey::new(session, shared), &UNUSUAL);
    store.append_all(session, shared, &sizes()).unwrap();
    // One log is truncated to 0 entries. Another log is truncated and then grows again.
    let (emptied, regrown) = (SegmentId::new(), SegmentId::new());
    for segment in [emptied, regrown] {
        store.append_all(session, segment, &entries(&UNUSUAL)).unwrap();
        trace(store, SegmentKey::new(session, segment), &UNUSUAL[..1]);
    }
    store.truncate(session, emptied, 0).unwrap();
    store.truncate(session, regrown, 2).unwrap();
    store.append_all(session, regrown, &entries(&UNUSUAL[..3])).unwrap();
    for _ in 0..40 {
        store.append_all(session, SegmentId::new(), &entries(&UNUSUAL[..1])).unwrap();
    }
    for name in PODS {
        let pod = Pod::from_json(format!("{{ \"owner\" : \"{name}\",\"owner\":1.0 }}")).unwrap();
        store.pods().unwrap().put_pod(&name.parse().unwrap(), &pod).unwrap();
    }
    let pointer = Pod::new(session, Some(shared));
    store.pods().unwrap().put_pod(&"pointer".parse().unwrap(), &pointer).unwrap();
}

/// Entries with sizes around those of blocks and pages, and one entry that is larger than a batch.
fn sizes() -> Vec<LogEntry> {
    let edges = [255, 4096, 65_536, 256 * 1024];
    let sizes = edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    let entry = |bytes: usize| {
        let text = format!("{{\"x\":\"{}\"}}", "y".repeat(bytes - 8));
        LogEntry::from_json(text).unwrap()
    };
    let nested = format!("{{\"deep\":{}{}}}", "[".repeat(200), "]".repeat(200));
    sizes.chain([1_500_000]).map(entry).chain(entries(&[&nested])).collect()
}

/// Fills a store with the log files in a folder and in its subfolders. Each file becomes a segment.
/// Leaves out lines that are not entries.
pub(super) fn populate_from_logs(store: &dyn Store, folder: &Path) {
    let logs = logs_below(folder);
    assert!(!logs.is_empty(), "{} has no files *.jsonl", folder.display());
    for log in logs {
        let bytes = fs::read(log).unwrap();
        let lines = bytes.split(|&byte| byte == b'\n');
        let entries: Vec<_> =
            lines.filter_map(|line| LogEntry::from_utf8(line.to_vec()).ok()).collect();
        store.create_segment(SessionId::new(), SegmentId::new(), &entries).unwrap();
    }
}

fn logs_below(folder: &Path) -> Vec<PathBuf> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { logs_below(&path) } else { vec![path] };
    paths
        .flat_map(below)
        .filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
        .collect()
}
