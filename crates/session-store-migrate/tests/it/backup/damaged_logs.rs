//! Tests of the copies of damaged logs in a backup. Also tests backups of format 1, which have no
//! such copies.

use std::fs::{self, OpenOptions};
use std::io::{Cursor, Read};
use std::os::unix::fs::FileExt;

use session_store_core::{PodName, Store, StoreExt};
use session_store_fs::FsStore;
use session_store_memory::MemoryStore;
use session_store_migrate::Selection;
use session_store_migrate::backup::{Backup, Part};

use super::{export, open, restored};
use crate::{entries, log_of, migrate, new_key, trace, verify};

#[test]
fn the_file_of_a_damaged_log_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let source = FsStore::open_or_create(folder.path()).unwrap();
    let (damaged, whole) = (new_key(), new_key());
    for key in [damaged, whole] {
        source.at(key).create(&entries(&["{}"])).unwrap();
        trace(&source, key, &["{}"]);
    }
    let name: PodName = "coder".parse().unwrap();
    let pod = session_store_core::Pod::from_json("{}").unwrap();
    source.pods().unwrap().put_pod(&name, &pod).unwrap();
    let path = format!("{}/{}.jsonl", damaged.session_id, damaged.segment_id);
    let bytes = b"{\"a\":1}\nno \xff entry\n{\"b\":2}\n";
    fs::write(folder.path().join(&path), bytes).unwrap();

    let (file, report) = export(&source, &Selection::default());
    assert!(!report.is_complete());
    let [missing] = &report.manifest.missing[..] else { panic!("{report:?}") };
    assert_eq!(missing.part, Part::Log(damaged));
    let raw_path = format!("damaged/{path}");
    assert_eq!(missing.raw_path().as_ref(), Some(&raw_path));

    let mut archive = tar::Archive::new(Cursor::new(zstd::decode_all(&*file).unwrap()));
    let mut files = archive.entries().unwrap().map(Result::unwrap);
    let mut raw = files.find(|file| file.path().unwrap().to_str() == Some(&raw_path)).unwrap();
    let mut found = Vec::new();
    raw.read_to_end(&mut found).unwrap();
    assert_eq!(found, bytes);

    let backup = open(file.clone()).unwrap();
    assert_eq!(backup.manifest(), &report.manifest);
    assert!(backup.pods().unwrap().read_pod(&name).unwrap().is_some());
    let mut findings = Vec::new();
    let maintenance = backup.maintenance().unwrap();
    maintenance.check(&mut |finding| findings.push(finding.to_string())).unwrap();
    assert!(findings.len() == 1 && findings[0].contains(&raw_path), "{findings:?}");

    let destination = restored(file);
    assert_eq!(destination.list_sessions().unwrap(), [whole.session_id]);
}

#[test]
fn a_line_that_was_edited_after_it_was_read_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let source = FsStore::open_or_create(folder.path()).unwrap();
    let (edited, copied) = (new_key(), MemoryStore::new());
    source.at(edited).create(&entries(&[r#"{"a":1}"#, "{}"])).unwrap();
    assert!(migrate(&source, &copied).is_complete());
    assert_eq!(log_of(&source, edited).len(), 2);
    let path = format!("{}/{}.jsonl", edited.session_id, edited.segment_id);
    let log = OpenOptions::new().write(true).open(folder.path().join(path)).unwrap();
    log.write_all_at(br#"{"a":x}"#, 0).unwrap();
    // This handle has checked the line before, so `read_all` of this handle does not check the line
    // again (R8).
    assert_eq!(log_of(&source, edited)[0], r#"{"a":x}"#);

    assert!(!migrate(&source, &MemoryStore::new()).is_complete());
    assert!(!verify(&source, &copied).is_equal());
    let (_, report) = export(&source, &Selection::default());
    assert_eq!(report.manifest.missing[0].part, Part::Log(edited));
}

#[test]
fn a_backup_of_format_1_is_read() {
    let file = include_bytes!("../../fixtures/format-1.tar.zst").to_vec();
    let backup = Backup::view(Cursor::new(file.clone())).unwrap();
    assert_eq!(backup.manifest().segments(), 2);
    let store = restored(file);
    let [session_id] = store.list_sessions().unwrap()[..] else { panic!("one session") };
    let segments = store.list_segments(session_id).unwrap();
    let logs = segments.iter().map(|id| log_of(&store, store.segment(session_id, *id).key()));
    let text = [r#"{"a": 1.0}"#, r#"{"kind":"from_the_future","n":1e999}"#];
    assert_eq!(logs.flatten().collect::<Vec<_>>(), text);
    assert_eq!(store.pods().unwrap().list_pods().unwrap().len(), 2);
}
