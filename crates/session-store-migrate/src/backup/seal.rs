//! The outermost layer: zstd frames, each with a checksum, and after them a seal, which is a frame that every
//! decompressor skips (RFC 8878, section 3.1.2) and that holds the SHA-256 of all bytes before it. A checksum
//! tells where content is damaged; the seal, whether the file is as it was written, to the byte.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take, Write};

use sha2::{Digest as _, Sha256};
use zstd::stream::{read::Decoder, write::Encoder};

use super::error::BackupError;
use crate::digest::Digest;

/// How every zstd frame begins.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Begins a frame to be skipped, of 32 bytes.
const SEAL_HEADER: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];

const SEAL: usize = SEAL_HEADER.len() + 32;

/// How much is compressed into one frame: the less, the nearer to the damage it is found.
const FRAME: usize = 4 * 1024 * 1024;

/// The compression's own default: about the speed of a disk.
const LEVEL: i32 = 3;

/// The most memory that a frame may ask for, as a power of two. What we write asks for a quarter of it.
const MAX_WINDOW_LOG: u32 = 23;

/// Compresses what is written to it.
pub(super) struct Sealing<W: Write> {
    /// There is none after an error only.
    frame: Option<Encoder<'static, Hashed<W>>>,
    /// How many more bytes go into the frame.
    left: usize,
}

impl<W: Write> Sealing<W> {
    pub(super) fn new(inner: W) -> io::Result<Self> {
        let inner = Hashed { inner, hash: Sha256::new(), bytes: 0 };
        Ok(Self { frame: Some(frame(inner)?), left: FRAME })
    }

    /// Ends the last frame, seals the whole, and says how many bytes it has become.
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

    /// A frame is written out when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame<W: Write>(inner: W) -> io::Result<Encoder<'static, W>> {
    let mut encoder = Encoder::new(inner, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

fn seal(hash: Sha256) -> [u8; SEAL] {
    let mut seal = [0; SEAL];
    let (header, digest) = seal.split_at_mut(SEAL_HEADER.len());
    header.copy_from_slice(&SEAL_HEADER);
    digest.copy_from_slice(Digest::from(hash).as_bytes());
    seal
}

/// Decompresses what is read through it.
pub(super) struct Unsealing<R: Read>(Decoder<'static, Hashed<BufReader<Take<R>>>>);

impl<R: Read + Seek> Unsealing<R> {
    pub(super) fn new(mut inner: R) -> io::Result<Self> {
        let frames = inner.seek(SeekFrom::End(0))?.saturating_sub(SEAL as u64);
        inner.rewind()?;
        let inner = BufReader::new(inner.take(frames));
        let mut decoder = Decoder::with_buffer(Hashed { inner, hash: Sha256::new(), bytes: 0 })?;
        decoder.window_log_max(MAX_WINDOW_LOG)?;
        Ok(Self(decoder))
    }
}

impl<R: Read> Unsealing<R> {
    /// How many bytes of the compressed file have been read.
    pub(super) fn position(&self) -> u64 {
        self.0.get_ref().bytes
    }

    /// Once everything was read: whether the seal is right.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        let Hashed { inner, hash, bytes } = self.0.finish();
        let mut found = Vec::new();
        let read = inner.into_inner().into_inner().read_to_end(&mut found);
        read.map_err(BackupError::Read)?;
        if found == seal(hash) {
            return Ok(());
        }
        Err(BackupError::damaged(format!("before byte {bytes} of the file"), "the seal is broken"))
    }
}

impl<R: Read> Read for Unsealing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Hashes and counts what passes between the file and the compression.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashed<T> {
    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashed<BufReader<R>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count(&buffer[..read]);
        Ok(read)
    }
}

impl<R: Read> BufRead for Hashed<BufReader<R>> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let consumed = &self.inner.buffer()[..amount];
        self.hash.update(consumed);
        self.bytes += consumed.len() as u64;
        self.inner.consume(amount);
    }
}
