//! The type of the file system below a store, and the warning for a type whose locks are not
//! reliable.

use std::path::Path;

/// Returns the warnings about the file system of a path.
pub(crate) fn warnings(root: &Path) -> Vec<String> {
    // If the type cannot be read, there is no warning. If the path cannot be used at all, opening
    // the store fails anyway.
    magic_of(root).and_then(unreliable).map(|name| text(root, name)).into_iter().collect()
}

/// Returns the magic number of the file system's type.
#[cfg(target_os = "linux")]
fn magic_of(root: &Path) -> Option<u32> {
    let found = rustix::fs::statfs(root).ok()?;
    // The integer type of `f_type` depends on the processor. The value always fits in 32 bits.
    u32::try_from(i128::from(found.f_type) & 0xFFFF_FFFF).ok()
}

/// Other systems have no magic numbers.
#[cfg(not(target_os = "linux"))]
fn magic_of(_: &Path) -> Option<u32> {
    None
}

fn text(root: &Path, name: &str) -> String {
    format!(
        "{}: the file system is {name}; its locks and appends can fail when several processes \
         or machines write, so acknowledged entries can be lost; use a local file system",
        root.display()
    )
}

/// Returns the name of a network or FUSE file system by its magic number, which statfs(2) returns.
/// Returns `None` for other file systems.
fn unreliable(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9p"),
        0x00C3_6400 => Some("Ceph"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x0BD0_0BD0 => Some("Lustre"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_and_fuse_file_systems_are_unreliable() {
        for (magic, name) in [(0x6969, "NFS"), (0xFE53_4D42, "SMB"), (0x6573_5546, "FUSE")] {
            assert_eq!(unreliable(magic), Some(name));
        }
        // ext4, XFS, btrfs, tmpfs, overlayfs, ZFS.
        for magic in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1] {
            assert_eq!(unreliable(magic), None, "{magic:x}");
        }
    }

    #[test]
    fn a_warning_names_the_place_and_the_file_system() {
        let text = text(Path::new("/mnt/logs"), "NFS");
        assert!(text.starts_with("/mnt/logs: the file system is NFS"), "{text}");
    }
}
