//! The outermost layer of a backup: compressed frames, and a seal that covers all frames.
//!
//! Each zstd frame has a checksum, which shows where the content is damaged. The seal at the end is
//! a frame that every decompressor skips (RFC 8878, section 3.1.2). The seal contains the SHA-256
//! of all bytes before it. A changed byte anywhere in the file is detected, even if no checksum
//! covers the byte.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};
use zstd::stream::write::Encoder;

use crate::digest::Digest;

/// The first bytes of every zstd frame.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The header of a skippable frame of 32 bytes.
const SEAL_HEADER: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];

/// The size of the seal.
pub(super) const SEAL: usize = SEAL_HEADER.len() + 32;

/// The size of the content of every frame except the last one. A reader decompresses whole frames.
/// Smaller frames would show the place of damage more exactly, but would compress worse.
pub(super) const FRAME: usize = 4 * 1024 * 1024;

/// The compression level. Level 3 is the default of zstd, and is about as fast as a disk.
const LEVEL: i32 = 3;

/// A writer that compresses, and adds the seal at the end.
pub(super) struct Sealing<W: Write> {
    /// `None` only after an error.
    frame: Option<Encoder<'static, Hashed<W>>>,
    /// The number of bytes that still fit the frame.
    left: usize,
}

impl<W: Write> Sealing<W> {
    pub(super) fn new(inner: W) -> io::Result<Self> {
        let inner = Hashed { inner, hash: Sha256::new(), bytes: 0 };
        Ok(Self { frame: Some(frame(inner)?), left: FRAME })
    }

    /// Ends the last frame and writes the seal. Returns the size of the whole file.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let Hashed { mut inner, hash, bytes } = self.take_frame()?.finish()?;
        inner.write_all(&seal(hash))?;
        inner.flush()?;
        Ok(bytes + SEAL as u64)
    }

    fn take_frame(&mut self) -> io::Result<Encoder<'static, Hashed<W>>> {
        self.frame.take().ok_or_else(|| io::Error::other("an earlier write failed"))
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut current = self.take_frame()?;
        if self.left == 0 {
            current = frame(current.finish()?)?;
            self.left = FRAME;
        }
        let written = current.write(&bytes[..bytes.len().min(self.left)])?;
        self.left -= written;
        self.frame = Some(current);
        Ok(written)
    }

    /// Does nothing. A frame is written when it is full, and ending a frame earlier would change
    /// its size.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame<W: Write>(inner: W) -> io::Result<Encoder<'static, W>> {
    let mut encoder = Encoder::new(inner, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

/// Returns the seal of a file whose frames have this hash.
pub(super) fn seal(hash: Sha256) -> [u8; SEAL] {
    let mut seal = [0; SEAL];
    let (header, digest) = seal.split_at_mut(SEAL_HEADER.len());
    header.copy_from_slice(&SEAL_HEADER);
    digest.copy_from_slice(Digest::from(hash).as_bytes());
    seal
}

/// A writer that hashes and counts the compressed bytes, and passes them on to the file.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
