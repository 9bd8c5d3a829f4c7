//! Any bytes as a backup, and a backup with changed bytes under a new seal. A backup that opens is
//! restored completely.

#![no_main]

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use session_store_core::{LogEntry, Pod, SegmentId, SessionId, Store, TraceEntry};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::{Backup, export};
use session_store_migrate::{Migration, Selection};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The content of the frames of a backup.
static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(|| zstd::decode_all(&*exported()).unwrap());

/// The size of a block of a tar archive.
const BLOCK: usize = 512;

/// A change of an archive at a position.
#[derive(Debug, arbitrary::Arbitrary)]
enum Change<'a> {
    Byte(u16, u8),
    Text(u16, &'a [u8]),
    Insert(u16, &'a [u8]),
    RemoveBlock(u8),
    RepeatBlock(u8),
    End(u16),
}

#[derive(Debug, arbitrary::Arbitrary)]
enum Input<'a> {
    File(&'a [u8]),
    Archive(&'a [u8]),
    Changes(Vec<Change<'a>>),
}

fuzz_target!(|input: Input<'_>| {
    let file = match input {
        Input::File(bytes) => bytes.to_vec(),
        Input::Archive(bytes) => sealed(bytes),
        Input::Changes(changes) => sealed(&changed(&changes)),
    };
    if let Ok(backup) = Backup::view(Cursor::new(&file)) {
        let _ = Migration::new(&backup, MemoryStore::new()).run();
        for session in backup.list_sessions().unwrap() {
            for segment in backup.list_segments(session).unwrap() {
                let _ = backup.read_all(session, segment);
                let _ = backup.read_trace_page(session, segment, 0, usize::MAX);
            }
        }
    }
    if let Ok(backup) = Backup::open(Cursor::new(&file), &mut |_| ()) {
        let mut report = Migration::new(backup, MemoryStore::new()).run().unwrap();
        // The manifest can name parts that could not be exported.
        report.findings.clear();
        assert!(report.is_complete());
    }
});

/// Exports a store with two logs, a trace and two pods.
fn exported() -> Vec<u8> {
    let store = MemoryStore::new();
    let session = SessionId::from(Uuid::from_u128(1));
    for number in 1..3 {
        let segment = SegmentId::from(Uuid::from_u128(number));
        let entry = LogEntry::from_json(r#"{"kind":"invoke"}"#).unwrap();
        store.append_all(session, segment, &[entry.clone(), entry]).unwrap();
    }
    let trace = TraceEntry::from_json(r#"{"traced":true}"#).unwrap();
    store.append_trace(session, Uuid::from_u128(1).into(), &trace).unwrap();
    for name in ["agent", "An Agent: with a long name"] {
        let pod = Pod::from_json(format!(r#"{{"owner":"{name}","active":null}}"#)).unwrap();
        store.pods().unwrap().put_pod(&name.parse().unwrap(), &pod).unwrap();
    }
    let mut file = Vec::new();
    export(&store, &Selection::default(), &mut file, &mut |_| ()).unwrap();
    file
}

fn changed(changes: &[Change<'_>]) -> Vec<u8> {
    let mut archive = ARCHIVE.clone();
    for change in changes {
        let size = archive.len();
        let at = |position: u16| usize::from(position).min(size);
        let block = |number: u8| {
            let start = (usize::from(number) * BLOCK).min(size);
            start..(start + BLOCK).min(size)
        };
        match *change {
            Change::Byte(position, byte) => {
                archive[at(position)..].iter_mut().take(1).for_each(|found| *found = byte)
            }
            Change::Text(position, text) => {
                let place = &mut archive[at(position)..];
                place.iter_mut().zip(text).for_each(|(found, byte)| *found = *byte);
            }
            Change::Insert(position, text) => {
                archive.splice(at(position)..at(position), text.iter().copied());
            }
            Change::RemoveBlock(number) => drop(archive.drain(block(number))),
            Change::RepeatBlock(number) => {
                let copy = archive[block(number)].to_vec();
                archive.splice(block(number).start..block(number).start, copy);
            }
            Change::End(position) => archive.truncate(at(position)),
        }
    }
    archive
}

/// Compresses an archive, and adds the seal.
fn sealed(archive: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 0).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(archive).unwrap();
    let mut file = encoder.finish().unwrap();
    let hash = Sha256::digest(&file);
    file.extend([0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    file.extend(hash);
    file
}
