//! Tests of the directory of a store: the names and modes of its files, files of other programs,
//! and newer formats.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rstest::rstest;
use session_store_core::{Pod, PodStore, SegmentId, SessionId, Store, StoreError, TraceEntry};
use session_store_fs::FsStore;
use uuid::Uuid;

use crate::{Fixture, entry, numbered};

/// Returns every path below a folder with its mode.
fn tree(folder: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let metadata = fs::symlink_metadata(entry.path()).unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            if !metadata.is_symlink() {
                found.push((
                    entry.path().display().to_string(),
                    metadata.permissions().mode() & 0o777,
                ));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_root_is_absolute_and_without_links() {
    let fixture = Fixture::new();
    let (folder, link) = (fixture.path("logs"), fixture.path("link"));
    let store = FsStore::open_or_create(&folder).unwrap();
    symlink(&folder, &link).unwrap();
    assert_eq!(store.root(), folder.canonicalize().unwrap());
    assert_eq!(FsStore::open(&link).unwrap().root(), store.root());
}

#[test]
fn opening_a_missing_directory_fails_and_creates_nothing() {
    let fixture = Fixture::new();
    let missing = fixture.path("missing");
    let error = FsStore::open(&missing).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(!missing.exists());

    fs::write(fixture.path("file"), "").unwrap();
    for error in
        [FsStore::open(fixture.path("file")), FsStore::open_or_create(fixture.path("file"))]
    {
        assert!(matches!(error, Err(StoreError::Io(_))));
    }
}

#[test]
fn a_directory_without_a_store_is_not_an_empty_store() {
    let fixture = Fixture::new();
    let (root, id) = (fixture.folder.path(), fixture.session);
    let refused = || {
        let before = tree(root);
        let error = FsStore::open(root).unwrap_err();
        assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
        assert_eq!(tree(root), before);
        error.to_string()
    };
    assert!(refused().ends_with("the directory is empty"));
    // The folders of a program with another layout, and remnants without data.
    fs::create_dir_all(fixture.path(&format!("{id}/subagents"))).unwrap();
    fs::write(fixture.path(&format!("{id}.jsonl")), "{}\n").unwrap();
    fs::write(fixture.path(&format!("{id}/notes.jsonl")), "{}\n").unwrap();
    fs::create_dir_all(fixture.path("pods/coder")).unwrap();
    assert!(refused().ends_with("the directory contains only other files"));

    FsStore::open_or_create(root).unwrap();
    let store = FsStore::open(root).unwrap();
    assert_eq!(store.list_sessions().unwrap(), []);
}

#[test]
fn a_created_store_is_there_before_its_first_change() {
    let fixture = Fixture::new();
    let root = fixture.path("a/b");
    FsStore::open_or_create(&root).unwrap();
    let created = tree(&root);
    assert!(root.join(".session-store/format").exists());
    FsStore::open_or_create(&root).unwrap();
    assert_eq!(FsStore::open(&root).unwrap().list_sessions().unwrap(), []);
    assert_eq!(tree(&root), created, "an existing store is not changed");
}

#[rstest]
#[case("SESSION/SEGMENT.jsonl", "")]
#[case("SESSION/SEGMENT.trace.jsonl", "{}\n")]
#[case("pods/coder/metadata.json", "{}")]
fn data_of_another_program_in_this_layout_is_a_store(#[case] path: &str, #[case] content: &str) {
    let fixture = Fixture::new();
    let path = path
        .replace("SESSION", &fixture.session.to_string())
        .replace("SEGMENT", &fixture.segment.to_string());
    let path = fixture.path(&path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let before = tree(fixture.folder.path());
    for opened in [FsStore::open, FsStore::open_or_create] {
        opened(fixture.folder.path()).unwrap();
        assert_eq!(tree(fixture.folder.path()), before, "opening an existing store writes nothing");
    }
}

#[test]
fn reading_writes_nothing() {
    let fixture = Fixture::holding("{\"a\":1}\n{\"torn");
    let before = tree(fixture.folder.path());
    let store = fixture.open();
    let (session, segment) = (fixture.session, fixture.segment);
    assert_eq!(store.list_sessions().unwrap(), [session]);
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    assert!(store.exists(session, segment).unwrap());
    assert!(store.head(session, segment).unwrap().is_some());
    store.read_all(session, segment).unwrap();
    store.read_trace_page(session, segment, 0, 9).unwrap();
    store.list_pods().unwrap();
    store.read_pod(&"missing".parse().unwrap()).unwrap();
    store.delete_pod(&"missing".parse().unwrap()).unwrap();
    assert_eq!(tree(fixture.folder.path()), before);
}

#[test]
fn files_and_folders_are_accessible_to_their_owner_only() {
    let fixture = Fixture::new();
    let root = fixture.path("new/store");
    let store = FsStore::open_or_create(&root).unwrap();
    let (session, segment) = (fixture.session, fixture.segment);
    store.append(session, segment, &entry("{}")).unwrap();
    store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    store.truncate(session, segment, 0).unwrap();
    store.create_segment(session, segment, &numbered(0..2)).unwrap();
    store.put_pod(&"Ünïcode".parse().unwrap(), &Pod::new(session, None)).unwrap();
    for (path, mode) in tree(&fixture.path("new")) {
        let expected = if Path::new(&path).is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{path}");
    }
}

#[test]
fn foreign_files_are_ignored_and_kept() {
    let fixture = Fixture::holding("{}\n");
    let session = fixture.session;
    let upper = session.to_string().to_uppercase();
    for folder in ["pods", "notes", &upper, &format!("{session}/{}.jsonl", SegmentId::new())] {
        fs::create_dir_all(fixture.path(folder)).unwrap();
    }
    let other = SessionId::new();
    for file in [
        "README",
        &format!("{session}/notes.txt"),
        &format!("{session}/x.jsonl"),
        &other.to_string(),
    ] {
        fs::write(fixture.path(file), "foreign").unwrap();
    }
    let store = fixture.open();
    assert_eq!(store.list_sessions().unwrap(), [session]);
    assert_eq!(store.list_segments(session).unwrap(), [fixture.segment]);
    assert_eq!(store.list_segments(other).unwrap(), []);
    assert!(store.delete_session(session).unwrap());
    assert_eq!(store.list_sessions().unwrap(), []);
    assert_eq!(
        fs::read_to_string(fixture.path(&format!("{session}/notes.txt"))).unwrap(),
        "foreign"
    );
}

#[test]
fn a_newer_format_is_refused() {
    let fixture = Fixture::holding("{}\n");
    let (older, format) = (fixture.open(), fixture.path(".session-store/format"));
    fs::create_dir(fixture.path(".session-store")).unwrap();
    fs::write(&format, "{\"version\":3,\"what\":\"else\"}").unwrap();
    let error = FsStore::open(fixture.folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 3, supported: 2, .. }), "{error:?}");
    let error = older.append(fixture.session, fixture.segment, &entry("{}")).unwrap_err();
    assert!(
        matches!(error, StoreError::NewerFormat { .. }),
        "an open handle must not write either: {error:?}"
    );

    fs::write(&format, "what is this").unwrap();
    assert!(matches!(FsStore::open(fixture.folder.path()), Err(StoreError::NotAStore { .. })));
    fs::write(&format, "\0\0\0\0").unwrap();
    fixture.append(&fixture.open(), "{}");
    assert!(
        fs::read_to_string(&format).unwrap().contains("\"version\":2"),
        "a file that a power cut emptied is written again"
    );
}

#[test]
fn the_sidecar_folder_can_be_deleted() {
    let fixture = Fixture::new();
    let store = fixture.open();
    for entry in numbered(0..3) {
        store.append(fixture.session, fixture.segment, &entry).unwrap();
    }
    let head = store.head(fixture.session, fixture.segment).unwrap();
    drop(store);
    fs::remove_dir_all(fixture.path(".session-store")).unwrap();

    let store = fixture.open();
    let lost = store.head(fixture.session, fixture.segment).unwrap();
    assert_ne!(lost, head, "a segment whose epoch is lost must get another head");
    assert_eq!(lost, fixture.open().head(fixture.session, fixture.segment).unwrap());
    assert_eq!(store.lookup_session_of(fixture.segment).unwrap(), Some(fixture.session));
    let head = store.append_if(fixture.session, fixture.segment, lost, &numbered(3..4)).unwrap();
    assert_eq!((head.entries(), fixture.count(&store)), (4, 4));
    assert_eq!(fixture.open().head(fixture.session, fixture.segment).unwrap(), Some(head));
}

#[test]
fn a_handle_does_not_depend_on_the_working_directory() {
    let fixture = Fixture::new();
    let store = FsStore::open_or_create(fixture.folder.path().join(".")).unwrap();
    assert!(
        format!("{store:?}")
            .contains(fixture.folder.path().canonicalize().unwrap().to_str().unwrap())
    );
}

#[test]
fn a_segment_that_cannot_be_read_is_an_error_and_not_missing() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    fixture.append(&store, "{}");
    // The lookup hint of the segment, a file, names a session whose folder cannot be opened.
    fs::remove_dir_all(fixture.path(&session.to_string())).unwrap();
    symlink(session.to_string(), fixture.path(&session.to_string())).unwrap();
    assert!(matches!(store.exists(session, segment).unwrap_err(), StoreError::Io(_)));
    assert!(matches!(store.lookup_session_of(segment).unwrap_err(), StoreError::Io(_)));
}

#[test]
fn a_partly_deleted_session_is_reported_as_indeterminate() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    fixture.append(&store, "{}");
    // A folder at the path of the trace of the second segment makes the deletion of that segment
    // fail.
    let stuck = SegmentId::from(Uuid::max());
    store.append(session, stuck, &entry("{}")).unwrap();
    fs::create_dir(fixture.path(&format!("{session}/{stuck}.trace.jsonl"))).unwrap();
    assert!(store.delete_session(session).unwrap_err().is_indeterminate());
    assert!(!store.exists(session, segment).unwrap());
    assert!(!store.delete_session(session).unwrap_err().is_indeterminate());
    assert!(store.exists(session, stuck).unwrap());
}

#[test]
fn a_deletion_that_removed_only_the_trace_is_indeterminate() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    // A folder at the path of the log cannot be deleted as a file.
    fs::create_dir(fixture.log()).unwrap();
    assert!(store.delete_segment(session, segment).unwrap_err().is_indeterminate());
    assert_eq!(store.read_trace_page(session, segment, 0, 9).unwrap().entries, []);
}

#[test]
fn a_local_file_system_gives_no_warning() {
    let fixture = Fixture::new();
    let store = fixture.open();
    assert!(store.warnings().is_empty(), "{:?}", store.warnings());
}
