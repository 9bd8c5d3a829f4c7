//! A file that fills a disk, so that no other file can grow.

use std::fs::File;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;

use crate::power_cut::Disk;

/// The sizes of the steps in which the file grows. The smallest size is the block size of a small
/// ext4.
const LARGEST: u64 = 64 << 20;
const SMALLEST: u64 = 1 << 10;

/// A file that takes all free space of a disk.
#[derive(Debug)]
pub struct Ballast {
    file: File,
    bytes: u64,
}

impl Ballast {
    /// Creates an empty file on the disk.
    ///
    /// # Panics
    /// If the file cannot be created.
    #[must_use]
    pub fn new(disk: &Disk) -> Self {
        Self { file: File::create(disk.root().join("ballast")).unwrap(), bytes: 0 }
    }

    /// Takes the space that is free now.
    ///
    /// # Panics
    /// If the file cannot grow for another reason than a full disk.
    pub fn fill(&mut self) {
        let mut part = LARGEST;
        while part >= SMALLEST {
            match fallocate(&self.file, FallocateFlags::empty(), self.bytes, part) {
                Ok(()) => self.bytes += part,
                Err(Errno::NOSPC) => part /= 2,
                Err(error) => panic!("cannot fill the disk: {error}"),
            }
        }
    }

    /// Returns the number of free bytes of the disk.
    ///
    /// # Panics
    /// If the number cannot be read.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        let found = fstatvfs(&self.file).unwrap();
        found.f_bavail * found.f_frsize
    }

    /// Frees the space. Returns when other files can use the space.
    ///
    /// # Panics
    /// If the space cannot be freed.
    pub fn empty(&mut self) {
        self.file.set_len(0).unwrap();
        self.bytes = 0;
        // ext4 uses freed blocks again only after a commit of its journal.
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.file).unwrap();
        #[cfg(not(target_os = "linux"))]
        rustix::fs::sync();
    }
}
