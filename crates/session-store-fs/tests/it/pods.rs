//! Pods: their folders, and that similar names do not collide.

use std::fs;
use std::os::unix::fs::symlink;

use session_store_core::{Pod, PodName, PodStore, PodStoreExt, SessionId, StoreError};

use crate::Fixture;

fn name(text: &str) -> PodName {
    text.parse().unwrap()
}

#[test]
fn plain_names_have_plain_folders_and_others_a_hash() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let names = [
        "reviewer-2.1",
        "Reviewer-2.1",
        "caf\u{e9}",
        "cafe\u{301}",
        "con",
        "com1.x",
        "a.",
        "~x",
        " ",
        "審査",
    ];
    for text in names {
        let pod = Pod::encode(&serde_json::json!({"active": null, "own": text})).unwrap();
        store.put_pod(&name(text), &pod).unwrap();
    }
    assert!(fixture.path("pods/reviewer-2.1/metadata.json").is_file());
    for text in &names[1..] {
        assert!(
            !fixture.path("pods").join(text).exists(),
            "another file system could take {text} for another name"
        );
        let pod = store.read_pod(&name(text)).unwrap().unwrap();
        assert_eq!(pod.decode::<serde_json::Value>().unwrap()["own"], *text);
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
