//! Tests of several handles and threads that use one directory, and of other programs that change
//! its files without the lock of the store.

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;
use session_store_core::{SegmentId, Store, StoreError, TraceEntry};
use test_deadlines::RaiseAtEnd;

use crate::{Fixture, entry, numbered};

#[test]
fn a_handle_sees_truncations_replacements_and_deletions_by_another() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    one.create_segment(session, segment, &numbered(0..4)).unwrap();
    assert_eq!(fixture.count(&other), 4);

    one.truncate(session, segment, 2).unwrap();
    one.append_all(session, segment, &numbered(8..10)).unwrap();
    assert_eq!(other.read_all(session, segment).unwrap(), numbered([0, 1, 8, 9]));
    fixture.append(&other, "{\"n\":5}");

    one.create_segment(session, segment, &numbered([7])).unwrap();
    fixture.append(&other, "{\"n\":6}");
    assert_eq!(one.read_all(session, segment).unwrap(), numbered([7, 6]));

    one.delete_segment(session, segment).unwrap();
    assert!(other.read_all(session, segment).unwrap_err().is_not_found());
    fixture.append(&other, "{\"n\":1}");
    assert_eq!(one.read_all(session, segment).unwrap(), numbered([1]));
}

#[test]
fn truncate_and_regrow_is_a_conflict_for_every_handle() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    let head = one.append_if(session, segment, None, &numbered(0..3)).unwrap();
    assert_eq!(other.head(session, segment).unwrap(), Some(head));
    other.truncate(session, segment, 2).unwrap();
    other.append_all(session, segment, &numbered(2..3)).unwrap();
    for store in [&one, &other, &fixture.open()] {
        let error = store.append_if(session, segment, Some(head), &numbered(3..4)).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }
    assert_eq!(fixture.count(&one), 3);
}

#[test]
fn all_handles_see_the_same_epoch_of_another_programs_log() {
    let fixture = Fixture::holding("{\"n\":0}\n");
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    other.head(session, segment).unwrap();
    fs::write(fixture.log(), "{\"n\":-1}\n{\"n\":0}\n").unwrap();
    let head = other.head(session, segment).unwrap();
    assert_eq!(one.head(session, segment).unwrap(), head);
    let head = one.append_if(session, segment, head, &numbered(1..2)).unwrap();
    let head = other.append_if(session, segment, Some(head), &numbered(2..3)).unwrap();
    assert_eq!(one.head(session, segment).unwrap(), Some(head));
}

#[test]
fn concurrent_appends_are_all_kept_in_the_order_of_each_writer() {
    const WRITERS: usize = 4;
    const EACH: usize = 300;
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let barrier = Barrier::new(WRITERS + 1);
    let stores: Vec<_> = (0..WRITERS + 1).map(|_| fixture.open()).collect();
    thread::scope(|scope| {
        for (writer, store) in stores.iter().take(WRITERS).enumerate() {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for n in 0..EACH {
                    // Odd sizes, so that lines end anywhere in a page.
                    let filler = "x".repeat((n * 37) % 5_000);
                    let text = format!("{{\"writer\":{writer},\"n\":{n},\"filler\":\"{filler}\"}}");
                    store.append(session, segment, &entry(&text)).unwrap();
                }
            });
        }
        let store = &stores[WRITERS];
        barrier.wait();
        let mut seen = 0;
        while seen < WRITERS * EACH {
            match store.read_all(session, segment) {
                Ok(entries) => {
                    assert!(entries.len() >= seen, "an entry that was read before is missing");
                    seen = entries.len();
                }
                Err(error) => assert!(error.is_not_found(), "{error:?}"),
            }
        }
    });
    let texts = fixture.texts(&fixture.open());
    for writer in 0..WRITERS {
        let own = format!("{{\"writer\":{writer},");
        let order: Vec<_> = texts.iter().filter(|text| text.starts_with(&own)).collect();
        assert_eq!(order.len(), EACH);
        assert!(order.iter().enumerate().all(|(n, text)| text.contains(&format!("\"n\":{n},"))));
    }
}

#[test]
fn readers_never_see_a_mix_of_old_and_new() {
    const ROUNDS: usize = 200;
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let (writer, reader) = (fixture.open(), fixture.open());
    // The logs are so long that a read needs several blocks. The writer can therefore replace the
    // log during a read.
    let log = |round: usize| -> Vec<_> {
        (0..40)
            .map(|_| entry(&format!("{{\"round\":{round},\"x\":\"{}\"}}", "y".repeat(20_000))))
            .collect()
    };
    writer.create_segment(session, segment, &log(0)).unwrap();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for round in 1..ROUNDS {
                match round % 2 {
                    0 => writer.create_segment(session, segment, &log(round)).unwrap(),
                    _ => {
                        writer.truncate(session, segment, 0).unwrap();
                        writer.append_all(session, segment, &log(round)).unwrap();
                    }
                }
            }
        });
        while !writing.is_finished() {
            let entries = reader.read_all(session, segment).unwrap();
            assert!(
                entries.windows(2).all(|pair| pair[0] == pair[1]),
                "one read returned entries of two rounds"
            );
        }
    });
}

#[test]
fn many_segments_keep_few_files_open() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let trace = TraceEntry::from_json("{}").unwrap();
    let segments: Vec<_> = (0..2_000).map(|_| SegmentId::new()).collect();
    for round in 0..2 {
        for &segment in &segments {
            store.append(fixture.session, segment, &numbered([round])[0]).unwrap();
            store.append_trace(fixture.session, segment, &trace).unwrap();
            assert_eq!(store.read_entry_count(fixture.session, segment).unwrap(), round + 1);
        }
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 300, "{open} files are open");
    for &segment in &segments {
        assert_eq!(store.read_all(fixture.session, segment).unwrap(), numbered(0..2));
    }
}

#[test]
fn a_log_replaced_by_another_program_is_opened_again() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fixture.append(&store, "{\"n\":0}");
    fixture.append(&store, "{\"n\":1}");
    assert_eq!(fixture.count(&store), 2);
    let edited = fixture.path("edited");
    fs::write(&edited, "{\"n\":7}\n{\"n\":8}\n{\"n\":9}\n").unwrap();
    fs::rename(&edited, fixture.log()).unwrap();
    // A handle uses an open file for up to a second before it opens the path again.
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(fixture.count(&store), 3);
    fixture.append(&store, "{\"n\":10}");
    assert_eq!(store.read_all(fixture.session, fixture.segment).unwrap(), numbered(7..11));
}

#[test]
fn appends_soon_stop_going_to_a_log_that_was_moved() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fixture.append(&store, "{\"n\":0}");
    let taken = fixture.path("taken");
    fs::rename(fixture.log(), &taken).unwrap();
    // The handle opens the path again after a second, even if its appends never pause. The limit of
    // a minute is far more than a handle needs.
    let made_anew = (0..6_000).any(|_| {
        fixture.append(&store, "{}");
        thread::sleep(Duration::from_millis(10));
        fixture.log().exists()
    });
    assert!(made_anew);
}

#[rstest]
#[case::lock_files(".session-store/locks")]
#[case::all_sidecar_files(".session-store")]
fn removed_lock_files_are_noticed_before_a_change_is_acknowledged(#[case] removed: &str) {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let one = fixture.open();
    let head = one.append_if(session, segment, None, &numbered(0..2)).unwrap();
    fs::remove_dir_all(fixture.path(removed)).unwrap();
    let other = fixture.open();
    other.truncate(session, segment, 1).unwrap();
    fixture.append(&other, "{\"n\":9}");
    let error = one.append_if(session, segment, Some(head), &numbered([2])).unwrap_err();
    assert!(error.to_string().contains("open the store again"), "{error}");
    assert_eq!(other.read_all(session, segment).unwrap(), numbered([0, 9]));
}

/// A handle checks the name of the lock files once in a second.
#[test]
fn a_moved_sidecar_folder_is_soon_noticed() {
    let fixture = Fixture::new();
    let (store, key) = (fixture.open(), fixture.key());
    fixture.append(&store, "{}");
    fs::rename(fixture.path(".session-store"), fixture.path("moved")).unwrap();
    let other = fixture.open();
    fixture.append(&other, "{}");
    let deadline = Instant::now() + Duration::from_secs(60);
    let error = loop {
        match store.append(key.session_id, key.segment_id, &entry("{}")) {
            Ok(_) => assert!(Instant::now() < deadline, "the handle does not notice the move"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("open the store again"), "{error}");
}

#[test]
fn segments_are_created_while_other_threads_remove_their_folder() {
    let fixture = Fixture::new();
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let (store, segment) = (fixture.open(), SegmentId::new());
                barrier.wait();
                for _ in 0..2_000 {
                    store.append(fixture.session, segment, &numbered([0])[0]).unwrap();
                    assert!(store.delete_segment(fixture.session, segment).unwrap());
                }
            });
        }
    });
    assert_eq!(fixture.open().list_sessions().unwrap(), []);
}

#[test]
fn continuous_readers_do_not_starve_a_writer() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fixture.append(&store, "{}");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let reader = fixture.open();
                while !done.load(Ordering::Relaxed) {
                    fixture.count(&reader);
                }
            });
        }
        let _raised = RaiseAtEnd(&done);
        (0..200).for_each(|_| fixture.append(&store, "{}"));
    });
    assert_eq!(fixture.count(&store), 201);
}

#[test]
fn a_failed_change_keeps_the_head() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    store.append_all(session, segment, &numbered(0..3)).unwrap();
    let head = store.head(session, segment).unwrap();
    let epoch = fixture.path(&format!(".session-store/epochs/{session}.{segment}"));
    let kept = fs::read(&epoch).unwrap();

    // The epoch file holds the token of the head. A folder in its place makes every change of the
    // token fail.
    fs::remove_file(&epoch).unwrap();
    fs::create_dir(&epoch).unwrap();
    assert!(store.truncate(session, segment, 1).is_err());
    assert!(store.create_segment(session, segment, &[]).is_err());
    fs::remove_dir(&epoch).unwrap();
    fs::write(&epoch, kept).unwrap();
    assert_eq!(store.head(session, segment).unwrap(), head);
    assert_eq!(fixture.open().head(session, segment).unwrap(), head);
    store.append_if(session, segment, head, &numbered(3..4)).unwrap();
}

#[rstest]
#[case::short(b"\xff\xfe")]
#[case::long(&[b'z'; 100])]
fn an_invalid_epoch_file_is_treated_as_missing(#[case] bytes: &[u8]) {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    fixture.append(&fixture.open(), "{\"n\":0}");
    let epoch = fixture.path(&format!(".session-store/epochs/{session}.{segment}"));
    fs::write(epoch, bytes).unwrap();
    let store = fixture.open();
    fixture.append(&store, "{\"n\":1}");
    assert_eq!(store.read_all(session, segment).unwrap(), numbered(0..2));
    assert_eq!(
        store.head(session, segment).unwrap(),
        fixture.open().head(session, segment).unwrap()
    );
}

#[test]
fn a_failed_replacement_keeps_the_head_of_another_programs_log() {
    let fixture = Fixture::holding("{}\n");
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    let head = store.head(session, segment).unwrap();
    // A folder in the place of the log cannot be replaced.
    let aside = fixture.path("aside");
    fs::rename(fixture.log(), &aside).unwrap();
    fs::create_dir(fixture.log()).unwrap();
    assert!(store.create_segment(session, segment, &[]).is_err());
    fs::remove_dir(fixture.log()).unwrap();
    fs::rename(&aside, fixture.log()).unwrap();
    assert_eq!(fixture.open().head(session, segment).unwrap(), head);
}
