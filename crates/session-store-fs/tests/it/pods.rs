//! Tests of pods (named agents): their folders, similar names, and the folders of format version 1.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use session_store_core::{Pod, PodName, PodStore, PodStoreExt, SessionId, StoreError};

use crate::Fixture;

fn name(text: &str) -> PodName {
    text.parse().unwrap()
}

/// The name of a pod that has the form of a hashed folder.
const HASHED: &str = "~7962efe9-98d3-5712-8d09-038a44803da0";

#[test]
fn a_pod_has_the_folder_of_its_name_unless_the_name_looks_like_a_hash() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let long = "x".repeat(PodName::MAX_BYTES);
    let names = [
        "reviewer-2.1",
        "Reviewer-2.1",
        "caf\u{e9}",
        "cafe\u{301}",
        "con",
        "com1.x",
        "a.",
        "a",
        ".hidden",
        "~x",
        " ",
        "審査",
        &long,
        HASHED,
        "Coder",
        &HASHED.to_uppercase(),
    ];
    for text in names {
        store.put_pod(&name(text), &pod_of(text)).unwrap();
    }
    for text in names {
        let is_plain = fixture.path("pods").join(text).join("metadata.json").exists();
        assert_eq!(is_plain, !text.starts_with("~7"), "{text}");
        assert_eq!(store.read_pod(&name(text)).unwrap().unwrap(), pod_of(text));
    }
    let mut sorted = names.map(name);
    sorted.sort();
    assert_eq!(store.list_pods().unwrap(), sorted);
    for text in names {
        assert!(store.delete_pod(&name(text)).unwrap());
        assert!(!store.delete_pod(&name(text)).unwrap());
    }
    assert_eq!(fs::read_dir(fixture.path("pods")).unwrap().count(), 0);
}

fn pod_of(owner: &str) -> Pod {
    Pod::encode(&serde_json::json!({"active": null, "owner": owner})).unwrap()
}

/// Copies the committed store of format version 1.
fn format_1() -> Fixture {
    let fixture = Fixture::new();
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1/.");
    assert!(
        Command::new("cp")
            .args(["-r", from])
            .arg(fixture.folder.path())
            .status()
            .unwrap()
            .success()
    );
    fixture
}

fn version(fixture: &Fixture) -> String {
    fs::read_to_string(fixture.path(".session-store/format")).unwrap()
}

#[test]
fn pods_of_format_1_are_read_and_moved_by_the_next_put() {
    const HASHED: &str = "pods/~5e0c57cd-072b-54cf-aa12-0d7fa485cf82";
    let fixture = format_1();
    let (before, hashed) = (version(&fixture), fixture.path(HASHED));
    let store = fixture.open();
    let names = ["MyProject", "café", "coder"].map(name);
    assert_eq!(store.list_pods().unwrap(), names);
    let pod = store.read_pod(&names[0]).unwrap().unwrap();
    assert_eq!(store.read_pod(&names[1]).unwrap().as_ref(), Some(&pod));
    fixture.append(&store, "{}");
    assert_eq!(version(&fixture), before, "only a put of a pod raises the version");
    assert!(hashed.join("name").exists());

    let next = pod_of("next");
    store.put_pod_if(&names[1], Some(&pod), &next).unwrap();
    assert!(version(&fixture).contains("\"version\":2"));
    assert!(!hashed.exists());
    assert!(fixture.path("pods/café/metadata.json").is_file());
    assert_eq!(store.list_pods().unwrap(), names);
    assert_eq!(store.read_pod(&names[1]).unwrap(), Some(next));

    assert!(store.delete_pod(&names[0]).unwrap(), "a pod is deleted from its old folder, too");
    assert_eq!(store.list_pods().unwrap(), names[1..]);
}

#[test]
fn readers_find_a_pod_while_it_moves() {
    let fixture = format_1();
    let name = name("MyProject");
    let plain = fixture.path("pods/MyProject");
    let hashed = fixture.path("pods").join(name.hashed_folder().as_str());
    let store = fixture.open();
    let pod = store.read_pod(&name).unwrap().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let reader = fixture.open();
            let (is_done, name) = (&is_done, &name);
            scope.spawn(move || {
                while !is_done.load(Ordering::Relaxed) {
                    assert!(reader.read_pod(name).unwrap().is_some());
                    assert!(reader.list_pods().unwrap().contains(name));
                }
            });
        }
        for _ in 0..200 {
            // Move the pod back to the old folder, in one step, under the lock that every version
            // of this crate takes.
            fs::write(plain.with_file_name("name"), name.as_str()).unwrap();
            store.put_pod(&name, &pod).unwrap();
            let _locked = lock(&fixture);
            fs::rename(plain.with_file_name("name"), plain.join("name")).unwrap();
            fs::rename(&plain, &hashed).unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

/// Locks the pods and advances the generation (the length of the lock file), as a program that
/// moves a pod does.
fn lock(fixture: &Fixture) -> fs::File {
    let path = fixture.path(".session-store/locks/pods");
    let file = fs::File::options().append(true).open(path).unwrap();
    file.lock().unwrap();
    file.set_len(file.metadata().unwrap().len() + 1).unwrap();
    file
}

#[test]
fn if_two_folders_hold_a_pod_the_folder_with_its_name_counts() {
    let fixture = format_1();
    let (store, name) = (fixture.open(), name("MyProject"));
    let hashed = fixture.path("pods").join(name.hashed_folder().as_str()).join("metadata.json");
    let before = fs::read_to_string(&hashed).unwrap();
    fs::create_dir(fixture.path("pods/MyProject")).unwrap();
    fs::write(fixture.path("pods/MyProject/metadata.json"), pod_of("other").as_json()).unwrap();

    assert_eq!(store.read_pod(&name).unwrap(), Some(pod_of("other")));
    store.put_pod(&name, &pod_of("next")).unwrap();
    assert_eq!(store.read_pod(&name).unwrap(), Some(pod_of("next")));
    assert_eq!(fs::read_to_string(&hashed).unwrap(), before, "the other folder is kept");
    assert_eq!(store.list_pods().unwrap().iter().filter(|listed| **listed == name).count(), 1);
    assert!(store.delete_pod(&name).unwrap());
    assert_eq!(store.read_pod(&name).unwrap(), None, "the other folder does not come back");
}

#[test]
fn a_folder_that_another_program_made_is_read_and_written() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let session = SessionId::new();
    let folder = fixture.path("pods/My Agent");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(fixture.path("pods/empty")).unwrap();
    let pretty = format!(
        "{{\n  \"pod_name\": \"My Agent\",\n  \"active\": {{ \"session_id\": \"{session}\" }}\n}}\n"
    );
    fs::write(folder.join("metadata.json"), pretty).unwrap();

    assert_eq!(store.list_pods().unwrap(), [name("My Agent")]);
    let pod = store.read_pod(&name("My Agent")).unwrap().unwrap();
    assert_eq!(pod.active().unwrap().session_id, session);
    assert!(store.read_pod(&name("my agent")).unwrap().is_none());

    let other = Pod::new(SessionId::new(), None);
    store.put_pod(&name("My Agent"), &other).unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("metadata.json")).unwrap(),
        format!("{}\n", other.as_json())
    );
    fs::write(folder.join("notes"), "the other program's").unwrap();
    assert!(store.delete_pod(&name("My Agent")).unwrap());
    assert_eq!(store.list_pods().unwrap(), []);
    assert!(folder.join("notes").exists());
}

#[test]
fn an_invalid_pod_is_corrupt_and_listed() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fs::create_dir_all(fixture.path("pods/broken")).unwrap();
    for bytes in [&b"not json"[..], b"", b"{\"active\":7}", b"{\"a\":\"\xff\"}"] {
        fs::write(fixture.path("pods/broken/metadata.json"), bytes).unwrap();
        let error = store.read_pod(&name("broken")).unwrap_err();
        let StoreError::Corrupt { line: 1, message } = error else { panic!("{error:?}") };
        assert!(message.contains("broken"), "{message}");
    }
    assert_eq!(store.list_pods().unwrap(), [name("broken")]);
}

#[test]
fn deleting_a_pod_keeps_other_files_in_its_folder() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let folder = fixture.path("pods/reviewer");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("metadata.json"), "{}").unwrap();
    fs::write(folder.join("name"), "foreign").unwrap();
    assert!(store.delete_pod(&name("reviewer")).unwrap());
    assert_eq!(fs::read_to_string(folder.join("name")).unwrap(), "foreign");
    assert_eq!(store.read_pod(&name("reviewer")).unwrap(), None);
}

#[test]
fn a_pod_that_cannot_be_read_is_an_error_and_not_missing() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fs::create_dir(fixture.path("pods")).unwrap();
    // Opening a link to itself fails.
    symlink("reviewer", fixture.path("pods/reviewer")).unwrap();
    assert!(matches!(store.read_pod(&name("reviewer")).unwrap_err(), StoreError::Io(_)));
    assert!(matches!(store.delete_pod(&name("reviewer")).unwrap_err(), StoreError::Io(_)));
    assert_eq!(store.list_pods().unwrap(), [], "listings leave links out");
    fs::create_dir(fixture.path("pods/writer")).unwrap();
    symlink("metadata.json", fixture.path("pods/writer/metadata.json")).unwrap();
    assert!(matches!(store.list_pods().unwrap_err(), StoreError::Io(_)));
}

#[test]
fn a_conditional_put_compares_with_what_another_program_wrote() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let (name, session) = (name("My Agent"), SessionId::new());
    let folder = fixture.path("pods/My Agent");
    fs::create_dir_all(&folder).unwrap();
    let text = format!("{{\n  \"active\": {{ \"session_id\": \"{session}\" }}\n}}\n");
    fs::write(folder.join("metadata.json"), &text).unwrap();

    let (stored, next) = (store.read_pod(&name).unwrap().unwrap(), Pod::new(session, None));
    for expected in [None, Some(&next)] {
        let error = store.put_pod_if(&name, expected, &next).unwrap_err();
        assert!(matches!(error, StoreError::PodConflict { .. }), "{error:?}");
    }
    assert_eq!(fs::read_to_string(folder.join("metadata.json")).unwrap(), text);
    store.put_pod_if(&name, Some(&stored), &next).unwrap();
    assert_eq!(store.read_pod(&name).unwrap(), Some(next));
}

#[test]
fn concurrent_updates_of_one_pod_are_all_kept() {
    const WRITERS: usize = 4;
    const EACH: usize = 25;
    let fixture = Fixture::new();
    let name = name("counter");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, name) = (fixture.open(), &name);
            scope.spawn(move || {
                for _ in 0..EACH {
                    let add_one = |pod: Option<&Pod>| -> Result<Pod, StoreError> {
                        let mut counts: serde_json::Map<String, serde_json::Value> =
                            pod.map_or(Ok(serde_json::Map::new()), Pod::decode)?;
                        let key = writer.to_string();
                        let count = counts.get(&key).and_then(serde_json::Value::as_u64);
                        counts.insert(key, (count.unwrap_or(0) + 1).into());
                        Pod::encode(&counts)
                    };
                    store.update_pod(name, add_one).unwrap();
                }
            });
        }
    });
    let pod = fixture.open().read_pod(&name).unwrap().unwrap();
    let counts: std::collections::BTreeMap<String, usize> = pod.decode().unwrap();
    assert_eq!(counts.len(), WRITERS);
    assert!(counts.values().all(|&count| count == EACH), "{counts:?}");
}
