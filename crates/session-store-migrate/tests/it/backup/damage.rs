//! Tests that every damaged backup is refused, with the place of the damage.

use session_store_core::{SegmentId, SessionId, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::BackupError;

use super::{backup_of, open, populated};
use crate::{entries, new_key, trace};

/// Returns a backup of one segment: a log with two entries, and a trace. The backup is small, so
/// that a test can change each bit of the backup.
fn small() -> Vec<u8> {
    let store = MemoryStore::new();
    let key = new_key();
    store.at(key).create(&entries(&[r#"{"a":1}"#, r#"{"b":2}"#])).unwrap();
    trace(&store, key, &["{}"]);
    backup_of(&store)
}

#[test]
fn a_changed_bit_is_refused() {
    let file = small();
    for (at, bit) in (0..file.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut changed = file.clone();
        changed[at] ^= 1 << bit;
        assert!(open(changed).is_err(), "bit {bit} of byte {at} of {}", file.len());
    }
}

#[test]
fn a_truncated_file_is_refused() {
    let file = small();
    for length in 0..file.len() {
        assert!(open(file[..length].to_vec()).is_err(), "{length} of {} bytes", file.len());
    }
}

#[test]
fn the_error_of_a_truncated_file_has_the_place() {
    let mut file = backup_of(&populated());
    file.truncate(file.len() / 4);
    let Err(BackupError::Damaged { place, damage }) = open(file.clone()) else {
        panic!("the damaged file was accepted")
    };
    let position = place.split_whitespace().find_map(|word| word.parse::<usize>().ok());
    assert!(position.is_some_and(|at| (at..at + 100).contains(&file.len())), "{place}");
    assert_eq!(damage, "it ends too early");
}

#[test]
fn an_additional_byte_is_refused() {
    let mut file = small();
    file.push(0);
    assert!(open(file).is_err());
}

#[test]
fn two_backups_in_one_file_are_refused() {
    let file = small();
    assert!(open([file.clone(), file].concat()).is_err());
}

/// The backup has more than two frames. The changed byte is in the first frame.
#[test]
fn the_error_of_a_changed_byte_has_the_place() {
    let store = MemoryStore::new();
    let digits = |n: u64| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let words: Vec<_> = (0..600_000).map(digits).collect();
    let texts: Vec<_> =
        words.chunks(6_000).map(|words| format!("{{\"x\":\"{}\"}}", words.concat())).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    store.create_segment(SessionId::new(), SegmentId::new(), &entries(&texts)).unwrap();
    let mut file = backup_of(&store);
    let (size, early) = (file.len(), file.len() / 4);
    file[early] ^= 0x10;
    let Err(BackupError::Damaged { place, .. }) = open(file) else {
        panic!("the damaged file was accepted")
    };
    let words: Vec<_> = place.split(' ').collect();
    let ["bytes", start, "to", end, "of", "the", "file"] = words[..] else { panic!("{place}") };
    let frame: std::ops::Range<usize> = start.parse().unwrap()..end.parse().unwrap();
    assert!(frame.contains(&early) && frame.len() < size / 2, "{place}");
}
