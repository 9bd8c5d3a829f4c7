//! Tests that `tar`, `zstd` and `sha256sum` can read a backup, and that the unpacked folder is a
//! store.

use std::path::Path;
use std::process::Command;

use session_store_core::{Pod, PodName, PodStore};
use session_store_fs::FsStore;
use session_store_memory::MemoryStore;
use test_deadlines::Process;

use super::{backup_of, populated};
use crate::verify;

/// Unpacks a backup with the commands of its README.
fn unpack(file: &[u8], folder: &Path) {
    std::fs::write(folder.join("backup"), file).unwrap();
    for command in
        ["zstd -q -t < backup", "tar --zstd -xf backup", "sha256sum --quiet --strict -c SHA256SUMS"]
    {
        let mut shell = Command::new("sh");
        let ended = Process::output(shell.args(["-c", command]).current_dir(folder));
        assert!(
            ended.status.success() && ended.stderr.is_empty(),
            "{command} (this test needs tar, zstd and sha256sum): {ended:?}"
        );
    }
}

#[test]
fn an_unpacked_backup_is_a_file_store() {
    let source = populated();
    let folder = tempfile::tempdir().unwrap();
    unpack(&backup_of(&source), folder.path());
    let report = verify(&source, &FsStore::open(folder.path()).unwrap());
    assert!(report.is_equal(), "{report:?}");
}

/// The file backend finds a pod by the name of the pod's folder, so each pod needs a folder of its
/// own.
#[test]
fn every_pod_has_its_own_folder() {
    let source = MemoryStore::new();
    let long = ["x".repeat(64), "x".repeat(65), "x".repeat(255), "審".repeat(85)];
    let names = [
        "a", "A", "con", "con.x", "com1", "lpt9.log", ".hidden", "dot.", "a b", "~", "a_b-c.d",
        "\u{e9}",
    ];
    for name in names.iter().copied().chain(long.iter().map(String::as_str)) {
        let pod = Pod::from_json(format!("{{\"name\":\"{name}\"}}")).unwrap();
        source.put_pod(&name.parse::<PodName>().unwrap(), &pod).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    unpack(&backup_of(&source), folder.path());
    let unpacked = FsStore::open(folder.path()).unwrap();
    let report = verify(&source, &unpacked);
    assert!(report.is_equal(), "{report:?}");
    // The file backend deletes each pod in its unpacked folder and creates no other folders, so
    // `pods` is empty after the last deletion.
    for name in source.list_pods().unwrap() {
        assert!(unpacked.delete_pod(&name).unwrap(), "{name}");
    }
    assert_eq!(folder.path().join("pods").read_dir().unwrap().count(), 0);
}
