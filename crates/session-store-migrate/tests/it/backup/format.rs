//! Tests with valid zstd and tar files that an export would never write. An attacker could make
//! such a file. Each file is refused, with the place of the fault.

use std::io::{Cursor, Read, Write};

use rstest::rstest;
use session_store_core::{Pod, SegmentId, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::{Backup, BackupError};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::{backup_of, open};
use crate::{entries, new_key, store_with, trace};

/// One file of an archive.
#[derive(Clone)]
struct Packed {
    header: Header,
    content: Vec<u8>,
}

impl Packed {
    fn path(&self) -> String {
        self.header.path().unwrap().display().to_string()
    }

    fn text(&self) -> String {
        String::from_utf8(self.content.clone()).unwrap()
    }

    /// Returns the file with other content, and with the size of that content in its header.
    fn with(&self, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        let mut header = self.header.clone();
        header.set_size(content.len() as u64);
        header.set_cksum();
        Self { header, content }
    }

    /// Returns the file with a changed header. The checksum in the header matches the change.
    fn headed(&self, change: impl FnOnce(&mut Header)) -> Self {
        let mut header = self.header.clone();
        change(&mut header);
        header.set_cksum();
        Self { header, content: self.content.clone() }
    }

    fn typed(&self, kind: EntryType) -> Self {
        self.headed(|header| header.set_entry_type(kind))
    }

    fn named(&self, path: &str) -> Self {
        self.headed(|header| {
            let name = &mut header.as_mut_bytes()[..100];
            name.fill(0);
            name[..path.len()].copy_from_slice(path.as_bytes());
        })
    }
}

fn unpacked(file: &[u8]) -> Vec<Packed> {
    let mut archive = tar::Archive::new(Cursor::new(zstd::decode_all(file).unwrap()));
    let entries = archive.entries().unwrap();
    let packed = entries.map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        Packed { header: entry.header().clone(), content }
    });
    packed.collect()
}

/// Returns the files as a backup.
fn packed(files: &[Packed]) -> Vec<u8> {
    let mut archive = Vec::new();
    for Packed { header, content } in files {
        archive.extend(header.as_bytes());
        archive.extend(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend([0; 1024]);
    sealed(&archive)
}

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

/// Writes the hashes of the changed files to `SHA256SUMS`. So a backup is refused because of the
/// change itself, and not because of a wrong hash.
fn summed(mut files: Vec<Packed>) -> Vec<Packed> {
    let Some(sums) = files.pop_if(|file| file.path() == "SHA256SUMS") else { return files };
    let line = |file: &Packed| {
        let hash: String =
            Sha256::digest(&file.content).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hash}  {}\n", file.path())
    };
    let text: String = files.iter().map(line).collect();
    files.push(sums.with(text));
    files
}

/// Returns the files of a backup: a README, a log of two entries, its trace, an empty log, two
/// pods, the manifest and the hashes. One of the pods has a file that contains its name.
fn files() -> Vec<Packed> {
    let store = MemoryStore::new();
    let key = new_key();
    store.at(key).create(&entries(&[r#"{"a":1}"#, r#"{"b":2}"#])).unwrap();
    // The id of the empty log is the largest possible id, so that the empty log is always the
    // second log.
    let last = SegmentId::from_bytes([0xff; 16]);
    store.create_segment(key.session_id, last, &[]).unwrap();
    trace(&store, key, &["{}"]);
    for name in ["coder", "Coder"] {
        let pod = Pod::from_json("{}").unwrap();
        store.pods().unwrap().put_pod(&name.parse().unwrap(), &pod).unwrap();
    }
    let files = unpacked(&backup_of(&store));
    assert_eq!(files.len(), 9);
    files
}

const README: usize = 0;
const LOG: usize = 1;
const TRACE: usize = 2;
const POD: usize = 4;
const NAME: usize = 5;
const NAMED: usize = 6;
const MANIFEST: usize = 7;
const SUMS: usize = 8;

#[test]
fn an_unchanged_archive_is_accepted() {
    open(packed(&files())).unwrap();
    open(packed(&summed(files()))).unwrap();
}

/// The third bit of a frame's descriptor says whether the frame has a checksum (RFC 8878, section
/// 3.1.1.1.1).
#[test]
fn frames_have_checksums() {
    assert_ne!(backup_of(&MemoryStore::new())[4] & 0b100, 0);
}

/// A change of the files of a backup.
type Change = fn(&mut Vec<Packed>);

/// A part of the error for a backup whose manifest is not at the position that follows from the
/// sizes in the manifest.
const POSITION: &str = "do not lead to its position";

/// For each change: the name, the change, and a part of the expected error.
const CHANGES: &[(&str, Change, &str)] = &[
    ("a path upwards", |files| files[LOG] = files[LOG].named("../escaped.jsonl"), "header"),
    ("an absolute path", |files| files[LOG] = files[LOG].named("/tmp/escaped.jsonl"), "header"),
    (
        "a path through another",
        |files| files[POD] = files[POD].named("pods/../metadata.json"),
        "header",
    ),
    ("a symbolic link", |files| files[LOG] = files[LOG].typed(EntryType::Symlink), "header"),
    ("a hard link", |files| files[LOG] = files[LOG].typed(EntryType::Link), "header"),
    ("a device", |files| files[LOG] = files[LOG].typed(EntryType::Char), "header"),
    ("a folder", |files| files[LOG] = files[LOG].typed(EntryType::Directory), "header"),
    ("a long name", |files| files[LOG] = files[LOG].typed(EntryType::GNULongName), "header"),
    ("an extended header", |files| files[LOG] = files[LOG].typed(EntryType::XHeader), "header"),
    (
        "another mode",
        |files| files[LOG] = files[LOG].headed(|header| header.set_mode(0o4755)),
        "header",
    ),
    (
        "a size past the end",
        |files| files[LOG] = files[LOG].headed(|header| header.set_size(1 << 62)),
        "",
    ),
    ("a file of another kind", |files| files.insert(1, files[LOG].named("notes.txt")), POSITION),
    ("a file twice", |files| files.insert(LOG, files[LOG].clone()), POSITION),
    ("files in another order", |files| files.swap(LOG, TRACE), "manifest.jsonl, line 2"),
    ("a second manifest", |files| files.insert(MANIFEST, files[MANIFEST].clone()), POSITION),
    ("a log left out", |files| drop(files.remove(LOG)), POSITION),
    ("no manifest", |files| drop(files.remove(MANIFEST)), "missing or not in its place"),
    ("no sums", |files| drop(files.remove(SUMS)), "missing or not in its place"),
    (
        "a log of other entries",
        |files| files[LOG] = files[LOG].with("{\"a\":1}\n{\"b\":3}\n"),
        "manifest.jsonl, line 2",
    ),
    (
        "a log without its last entry",
        |files| files[LOG] = files[LOG].with("{\"a\":1}\n"),
        "manifest.jsonl, line 2",
    ),
    (
        "a line that is not an entry",
        |files| files[LOG] = files[LOG].with("{\"a\":1}\nno entry\n"),
        "jsonl, line 2",
    ),
    ("a blank line", |files| files[LOG] = files[LOG].with("{\"a\":1}\n\n"), "jsonl, line 2"),
    (
        "white space before an entry",
        |files| files[LOG] = files[LOG].with("{\"a\":1}\n {\"b\":2}\n"),
        "white space",
    ),
    (
        "white space after an entry",
        |files| files[LOG] = files[LOG].with("{\"a\":1}\n{\"b\":2} \n"),
        "white space",
    ),
    ("no last newline", |files| files[LOG] = files[LOG].with("{\"a\":1}\n{\"b\":2}"), "no end"),
    (
        "a trace that is not UTF-8",
        |files| files[TRACE] = files[TRACE].with(b"{\"\xff\":1}\n"),
        "UTF-8",
    ),
    ("an invalid pod", |files| files[POD] = files[POD].with("{\"active\":7}\n"), "pointer"),
    ("a pod of two lines", |files| files[POD] = files[POD].with("{}\n{}\n"), "one line"),
    ("a pod without a line", |files| files[POD] = files[POD].with(""), POSITION),
    ("a name left out", |files| drop(files.remove(NAME)), POSITION),
    (
        "the name of another pod",
        |files| files[NAME] = files[NAME].with("CODER"),
        "the name of the pod is missing or wrong",
    ),
    ("an invalid name", |files| files[NAME] = files[NAME].with(".."), "invalid pod name"),
    ("a name too long", |files| files[NAME] = files[NAME].with("x".repeat(1 << 20)), POSITION),
    ("a name without a pod", |files| drop(files.remove(NAMED)), POSITION),
    (
        "a manifest that lists more",
        |files| {
            let text = files[MANIFEST].text();
            let last = text.lines().last().unwrap().to_owned();
            files[MANIFEST] = files[MANIFEST].with(text + &last + "\n");
        },
        "a line too many",
    ),
    (
        "a manifest with a wrong number of missing parts",
        |files| {
            let text = files[MANIFEST].text().replacen("\"missing\":0", "\"missing\":99999999", 1);
            files[MANIFEST] = files[MANIFEST].with(text);
        },
        "a line is missing",
    ),
    (
        "a manifest of another format",
        |files| {
            let text = files[MANIFEST].text().replacen("\"format\":2", "\"format\":9", 1);
            files[MANIFEST] = files[MANIFEST].with(text);
        },
        "manifest.jsonl, line 1",
    ),
];

#[test]
fn a_changed_archive_is_refused() {
    for (what, change, expected) in CHANGES {
        let mut files = files();
        change(&mut files);
        for files in [files.clone(), summed(files)] {
            let refused = open(packed(&files));
            let Err(BackupError::Damaged { place, damage }) = refused else {
                panic!("{what}: {refused:?}");
            };
            let message = format!("{place}: {damage}");
            assert!(message.contains(expected), "{what}: {message}");
        }
    }
}

#[test]
fn wrong_sums_are_refused() {
    for change in [
        (|text: String| text.replacen('a', "b", 1)) as fn(String) -> String,
        |text| text + "0  more\n",
        |text| text.lines().skip(1).map(|line| format!("{line}\n")).collect(),
    ] {
        let mut files = files();
        files[SUMS] = files[SUMS].with(change(files[SUMS].text()));
        let refused = open(packed(&files)).unwrap_err().to_string();
        assert!(refused.contains("SHA256SUMS, line "), "{refused}");
    }
}

#[test]
fn content_between_the_files_is_refused() {
    let archive = zstd::decode_all(&*packed(&files())).unwrap();
    let end = archive.len();
    let mut filled = archive.clone();
    // This byte is in the padding after the README.
    let readme = files()[README].content.len();
    filled[512 + readme] = 1;
    for changed in [
        filled,
        archive[..end - 512].to_vec(),
        archive[..end - 1024].to_vec(),
        [archive.clone(), vec![0; 512]].concat(),
        [archive.clone(), vec![1]].concat(),
    ] {
        let refused = open(sealed(&changed));
        assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
    }
}

#[rstest]
#[case::newer("A backup of session-store, format 3\n")]
#[case::much_newer("A backup of session-store, format 99\nand more")]
fn a_newer_format_is_refused_with_its_version(#[case] readme: &str) {
    let mut files = files();
    files[README] = files[README].with(format!("{readme}{}", "\n"));
    files.truncate(1);
    let refused = open(packed(&files));
    assert!(matches!(refused, Err(BackupError::NewerFormat { supported: 2, .. })), "{refused:?}");
}

#[test]
fn other_files_are_refused() {
    let mut without_readme = files();
    without_readme.remove(README);
    let prose: Vec<_> =
        (0..5000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
    for (other, expected) in [
        (Vec::new(), "empty"),
        (b"{\"kind\":\"invoke\"}\n".to_vec(), "not compressed with zstd"),
        (zstd::encode_all(&prose[..], 0).unwrap(), "something else"),
        (packed(&without_readme), "something else"),
    ] {
        let refused = open(other);
        let Err(BackupError::NotABackup { found }) = refused else { panic!("{refused:?}") };
        assert!(found.contains(expected), "{found}");
    }
}

/// A small file can contain a large line, so the limit protects the memory.
#[test]
fn a_line_above_the_limit_is_refused() {
    let store = store_with(new_key(), &[&format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20))]);
    let (file, limit) = (Cursor::new(backup_of(&store)), 1 << 20);
    assert!(file.get_ref().len() < 20_000);
    let refused = Backup::open_with_max_line(file, limit, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::LineTooLong { limit: 1_048_576, .. })));
}

/// A few kilobytes decompress to many gigabytes of zeros.
#[test]
fn a_decompression_bomb_is_refused_at_its_first_block() {
    let zeros = std::io::repeat(0).take(1 << 28);
    let bomb = zstd::encode_all(zeros, 0).unwrap();
    assert!(matches!(open(bomb), Err(BackupError::NotABackup { .. })));
}
