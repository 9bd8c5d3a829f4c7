//! Random access to the content of a backup, frame by frame.
//!
//! The content of a backup is compressed in frames. Every frame except the last one holds the same
//! number of bytes, so the number of a frame is computed from a position in the content. The most
//! recently decompressed frames stay in memory, because many segments share a frame.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use zstd::bulk::Decompressor;
use zstd::zstd_safe::{compress_bound, find_frame_compressed_size};

use super::error::BackupError;
use super::frame_writer::{FRAME, SEAL, ZSTD_MAGIC, seal};

/// The number of frames in memory. More than one frame is kept, because the jobs of a migration
/// read several segments at once.
const CACHED: usize = 4;

/// The number of bytes in each read of the scan that finds the frames.
const CHUNK: u64 = 4 * 1024 * 1024;

/// The frames of a backup. The seal of the backup was checked.
pub(super) struct Frames<R> {
    file: Mutex<OpenFile<R>>,
    /// The position of each frame in the file, and the end of the last frame.
    starts: Vec<u64>,
    /// The size of the content of all frames.
    size: u64,
}

struct OpenFile<R> {
    reader: R,
    decompressor: Decompressor<'static>,
    /// The frames that were used most recently, with their numbers.
    cache: VecDeque<(usize, Arc<Vec<u8>>)>,
}

impl<R> fmt::Debug for Frames<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<R: Read + Seek> Frames<R> {
    /// Reads the compressed file once, checks the seal, and finds the frames. Memory holds a few
    /// MiB and eight bytes for each frame.
    pub(super) fn open(mut reader: R) -> Result<Self, BackupError> {
        let mut starts = vec![0];
        let sealed = find_frames(&mut reader, &mut starts);
        let decompressor = Decompressor::new().map_err(BackupError::Read)?;
        let file = OpenFile { reader, decompressor, cache: VecDeque::new() };
        let mut frames = Self { file: Mutex::new(file), starts, size: 0 };
        if let Err(error) = sealed {
            // The seal shows only that a byte is wrong. The checksums of the frames show the place.
            frames.check_frames()?;
            return Err(error);
        }
        let last = frames.count() - 1;
        let content = frames.frame(last).map_err(|error| frames.damaged_at(last, error))?;
        frames.size = (last * FRAME + content.len()) as u64;
        Ok(frames)
    }

    fn check_frames(&self) -> Result<(), BackupError> {
        (0..self.count()).try_for_each(|number| {
            self.frame(number).map(drop).map_err(|error| self.damaged_at(number, error))
        })
    }

    fn damaged_at(&self, number: usize, error: io::Error) -> BackupError {
        let [start, end] = [self.starts[number], self.starts[number + 1]];
        BackupError::of_read(error, || format!("bytes {start} to {end} of the file"))
    }

    /// Returns the content of a frame.
    fn frame(&self, number: usize) -> io::Result<Arc<Vec<u8>>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let content = file.frame(number, self.starts[number]..self.starts[number + 1])?;
        if content.len() != FRAME && number + 1 < self.count() {
            return Err(io::Error::other("a frame has another size than an export writes"));
        }
        Ok(content)
    }
}

impl<R> Frames<R> {
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Returns a reader of a part of the content.
    pub(super) const fn stream(&self, part: Range<u64>) -> Stream<'_, R> {
        Stream { frames: self, at: part.start, end: part.end, frame: None }
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }
}

impl<R: Read + Seek> OpenFile<R> {
    fn frame(&mut self, number: usize, place: Range<u64>) -> io::Result<Arc<Vec<u8>>> {
        if let Some(at) = self.cache.iter().position(|(cached, _)| *cached == number) {
            self.cache.swap(0, at);
            return Ok(Arc::clone(&self.cache[0].1));
        }
        let size = usize::try_from(place.end - place.start).map_err(io::Error::other)?;
        let mut compressed = vec![0; size];
        self.reader.seek(SeekFrom::Start(place.start))?;
        self.reader.read_exact(&mut compressed)?;
        let mut content = Vec::with_capacity(FRAME);
        self.decompressor.decompress_to_buffer(&compressed, &mut content)?;
        let content = Arc::new(content);
        self.cache.truncate(CACHED - 1);
        self.cache.push_front((number, Arc::clone(&content)));
        Ok(content)
    }
}

/// Finds the ends of all frames without decompressing the frames. Also checks the seal.
fn find_frames(reader: &mut (impl Read + Seek), ends: &mut Vec<u64>) -> Result<(), BackupError> {
    let size = reader.seek(SeekFrom::End(0)).map_err(BackupError::Read)?;
    reader.rewind().map_err(BackupError::Read)?;
    let sealed = size.saturating_sub(SEAL as u64);
    let (mut buffer, mut hash, mut at) = (Vec::new(), Sha256::new(), 0);
    while at < sealed {
        let chunk = (sealed - at - buffer.len() as u64).min(CHUNK);
        let read = reader.take(chunk).read_to_end(&mut buffer).map_err(BackupError::Read)?;
        let mut found = 0;
        while let Some(size) = frame_size(&buffer[found..], at + found as u64)? {
            found += size;
            ends.push(at + found as u64);
        }
        hash.update(&buffer[..found]);
        buffer.drain(..found);
        at += found as u64;
        if read == 0 && found == 0 {
            let place = format!("near byte {sealed} of the file");
            return Err(BackupError::damaged(place, "it ends too early"));
        }
    }
    let mut found = Vec::new();
    reader.read_to_end(&mut found).map_err(BackupError::Read)?;
    if found == seal(hash) && ends.len() > 1 {
        return Ok(());
    }
    Err(BackupError::damaged(format!("before byte {at} of the file"), "the seal is broken"))
}

/// Returns the size of the frame that begins at the start of `bytes`, or `None` if `bytes` does not
/// contain the end of this frame.
fn frame_size(bytes: &[u8], at: u64) -> Result<Option<usize>, BackupError> {
    let damaged = |damage| Err(BackupError::damaged(format!("near byte {at} of the file"), damage));
    let known = &bytes[..bytes.len().min(ZSTD_MAGIC.len())];
    if !ZSTD_MAGIC.starts_with(known) {
        return damaged("a frame does not begin where the one before it ends");
    }
    match find_frame_compressed_size(bytes) {
        Ok(size) if size <= compress_bound(FRAME) => Ok(Some(size)),
        Err(_) if bytes.len() <= compress_bound(FRAME) => Ok(None),
        _ => damaged("a frame is larger than an export writes"),
    }
}

/// A reader of a part of the content.
pub(super) struct Stream<'a, R> {
    frames: &'a Frames<R>,
    at: u64,
    end: u64,
    /// The current frame and its number.
    frame: Option<(usize, Arc<Vec<u8>>)>,
}

impl<R> Stream<'_, R> {
    /// Returns the position in the content.
    pub(super) const fn position(&self) -> u64 {
        self.at
    }

    /// Returns the number of bytes that are left.
    pub(super) const fn left(&self) -> u64 {
        self.end - self.at
    }

    /// Returns the position of the current frame in the compressed file.
    pub(super) fn position_in_file(&self) -> u64 {
        let number = usize::try_from(self.at / FRAME as u64).unwrap_or(usize::MAX);
        self.frames.starts[number.min(self.frames.count())]
    }
}

impl<R: Read + Seek> BufRead for Stream<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.end.min(self.frames.size) {
            return Ok(&[]);
        }
        let number = usize::try_from(self.at / FRAME as u64).map_err(io::Error::other)?;
        let content = match self.frame.take() {
            Some((current, content)) if current == number => content,
            _ => self.frames.frame(number)?,
        };
        let (_, content) = self.frame.insert((number, content));
        let rest = &content[(self.at % FRAME as u64) as usize..];
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        Ok(&rest[..rest.len().min(left)])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl<R: Read + Seek> Read for Stream<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
