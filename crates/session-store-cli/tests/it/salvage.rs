//! Tests of `salvage`.

use std::fs;

use crate::program::{Kind, Place, append, run};

#[test]
fn a_database_that_was_cut_off_is_salvaged() {
    let place = Place::new();
    let (broken, new) = (place.url(Kind::Sqlite, "broken.db"), place.url(Kind::Fs, "new"));
    let entry = format!("{{\"text\":\"{}\"}}\n", "x".repeat(500));
    append(&broken, &entry.repeat(50));
    let whole = run(["salvage", &broken, &new]).ok();
    assert!(whole.contains("50 of 50 entries"), "{whole}");
    run(["verify", &broken, &new]).ok();

    let file = place.path("broken.db");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 10_000]).unwrap();
    let listing = place.listing();
    let message = run(["ls", &broken]).refused(3);
    assert!(
        message.contains("malformed") && message.contains("session-store salvage"),
        "{message}"
    );
    assert_eq!(place.listing(), listing, "no file is left beside the database");
    let message = run(["salvage", &broken, &new]).refused(3);
    assert!(message.contains("not empty"), "{message}");

    let before = fs::read(&file).unwrap();
    let part = place.url(Kind::Sqlite, "part.db");
    let salvaged = run(["salvage", &broken, &part]);
    assert_eq!((salvaged.status, salvaged.stderr.as_str()), (Some(1), ""), "{salvaged:?}");
    assert!(salvaged.stdout.contains("in part: ") && salvaged.stdout.contains("; lost entries: "));
    assert!(salvaged.stdout.ends_with("; 1 loss\n"), "{salvaged:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
    run(["check", &part]).ok();
}

#[test]
fn another_place_cannot_be_salvaged_and_nothing_is_created() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    fs::write(place.path("notes.txt"), "notes").unwrap();
    let new = place.url(Kind::Fs, "new");
    let before = place.listing();
    for (name, status) in [("folder", 3), ("notes.txt", 3), ("missing.db", 4)] {
        let message = run(["salvage", &place.url(Kind::Sqlite, name), &new]).refused(status);
        assert!(message.contains(name), "{message}");
    }
    let url = place.url(Kind::Sqlite, "notes.txt");
    assert!(run(["salvage", &url, &url]).refused(3).contains("same store"));
    assert_eq!(place.listing(), before);
}
