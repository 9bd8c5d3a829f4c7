//! `Backup`: opens a backup, and finds its parts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Mutex;
use std::{fs, io};

use session_store_core::{SegmentId, SessionId};
use zstd::stream::read::Decoder;

use super::error::BackupError;
use super::file::File;
use super::frame_reader::Frames;
use super::frame_writer::ZSTD_MAGIC;
use super::manifest::{FORMAT, Manifest, Missing, Part, format_of};
use super::read::{Archive, Content, MAX_TEXT_LINE};
use super::resume::Resume;
use super::tar::{BLOCK, END, Heading, padding};
use crate::progress::Progress;

/// The logarithm to base 2 of the largest accepted window of the first frame. The decompressor
/// allocates the window, so this limit bounds the memory that a file of another program can
/// request.
const MAX_WINDOW_LOG: u32 = 23;

/// The default limit for the length of a line, in bytes.
pub const DEFAULT_MAX_LINE: u64 = 256 * 1024 * 1024;

/// An opened backup. It is a read-only [`Store`](session_store_core::Store).
///
/// The seal was checked, so the file has all bytes that the export wrote. A call decompresses only
/// the frames that it reads. Each read checks the checksums of these frames and the syntax of the
/// entries. [`check`](Self::check) reads everything.
///
/// The methods of the store that write return an error.
#[derive(Debug)]
pub struct Backup<R> {
    pub(super) frames: Frames<R>,
    pub(super) manifest: Manifest,
    /// The position of the content of each member.
    pub(super) positions: Vec<u64>,
    /// The sessions in descending order.
    pub(super) sessions: Vec<SessionId>,
    /// For each segment, one session that has a segment of this id.
    pub(super) segments: HashMap<SegmentId, SessionId>,
    /// The places at which recently read pages ended.
    pub(super) resume: Mutex<Resume>,
    pub(super) max_line: u64,
}

/// Returns whether a path leads to a file that is compressed with zstd, as every backup is.
///
/// # Errors
/// The errors of the operating system, also if there is no file.
pub fn is_compressed(path: &Path) -> io::Result<bool> {
    let mut magic = Vec::new();
    fs::File::open(path)?.take(4).read_to_end(&mut magic)?;
    Ok(magic == ZSTD_MAGIC)
}

impl<R: Read + Seek> Backup<R> {
    /// Opens a backup and [checks](Self::check) all of it, with lines of up to
    /// [`DEFAULT_MAX_LINE`].
    ///
    /// # Errors
    /// As [`open_with_max_line`](Self::open_with_max_line).
    pub fn open(reader: R, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Self, BackupError> {
        Self::open_with_max_line(reader, DEFAULT_MAX_LINE, progress)
    }

    /// Opens a backup and [checks](Self::check) all of it. Refuses lines of more than `max_line`
    /// bytes.
    ///
    /// # Errors
    /// As [`view`](Self::view) and [`check`](Self::check).
    pub fn open_with_max_line(
        reader: R,
        max_line: u64,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, BackupError> {
        let mut backup = Self::view(reader)?;
        backup.max_line = max_line;
        backup.check(progress)?;
        Ok(backup)
    }

    /// Opens a backup without reading its logs.
    ///
    /// Reads the compressed file once to check the seal, but decompresses only the list of parts. A
    /// file that is truncated, changed or of another format is refused. Memory holds a few frames
    /// of 4 MiB and a few hundred bytes for each part.
    ///
    /// # Errors
    /// - [`BackupError::NotABackup`] and [`BackupError::NewerFormat`].
    /// - [`BackupError::Damaged`] with the place of the damage.
    /// - [`BackupError::Read`] if the reader fails.
    pub fn view(mut reader: R) -> Result<Self, BackupError> {
        require_backup(&mut reader)?;
        let frames = Frames::open(reader)?;
        let (manifest, positions) = find_parts(&frames)?;
        let keys = manifest.members.iter().filter_map(|member| match member.part {
            Part::Log(key) => Some(key),
            _ => None,
        });
        let segments = keys.clone().map(|key| (key.segment_id, key.session_id)).collect();
        let mut sessions: Vec<_> = keys.map(|key| key.session_id).collect();
        sessions.dedup();
        sessions.reverse();
        Ok(Self {
            frames,
            manifest,
            positions,
            sessions,
            segments,
            resume: Mutex::default(),
            max_line: DEFAULT_MAX_LINE,
        })
    }

    /// Returns the content of a member.
    pub(super) fn content(&self, number: usize) -> Content<'_, R> {
        self.content_from(number, self.positions[number])
    }

    /// Returns the content of a member from the position of a line on.
    pub(super) fn content_from(&self, number: usize, position: u64) -> Content<'_, R> {
        let member = &self.manifest.members[number];
        let end = self.positions[number] + member.total.bytes;
        Content::new(&self.frames, member.part.file(), position..end, self.max_line)
    }
}

impl<R> Backup<R> {
    /// Returns the list of all parts, and of the parts that are missing.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Reads the first line of the first file, which contains the version of the format.
fn require_backup(reader: &mut (impl Read + Seek)) -> Result<(), BackupError> {
    reader.rewind().map_err(BackupError::Read)?;
    let mut reader = BufReader::new(reader);
    match reader.fill_buf().map_err(BackupError::Read)? {
        [] => return Err(BackupError::NotABackup { found: "it is empty" }),
        bytes if bytes.starts_with(&ZSTD_MAGIC) => {}
        _ => return Err(BackupError::NotABackup { found: "it is not compressed with zstd" }),
    }
    let start = match read_start(reader) {
        // The first frame is damaged. This is not an error here, because the caller opens the
        // frames next, and then reports the place of the damage.
        Err(error) if error.raw_os_error().is_none() => return Ok(()),
        start => start.map_err(BackupError::Read)?,
    };
    let is_readme = |block| Heading::parse(block).is_some_and(|found| found.file == File::Readme);
    let text = start.split_first_chunk().filter(|(block, _)| is_readme(block));
    let line = text.and_then(|(_, text)| text.split(|byte| *byte == b'\n').next());
    match line.and_then(format_of) {
        None => Err(BackupError::NotABackup { found: "something else is compressed in it" }),
        Some(1..=FORMAT) => Ok(()),
        Some(found) => Err(BackupError::NewerFormat { found, supported: FORMAT }),
    }
}

fn read_start(reader: impl BufRead) -> io::Result<Vec<u8>> {
    let mut decoder = Decoder::with_buffer(reader)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    let mut start = Vec::new();
    decoder.take(BLOCK as u64 + MAX_TEXT_LINE).read_to_end(&mut start)?;
    Ok(start)
}

/// Reads the manifest, which is near the end. Returns the manifest, and the position of the content
/// of each member.
fn find_parts<R: Read + Seek>(frames: &Frames<R>) -> Result<(Manifest, Vec<u64>), BackupError> {
    let end = frames.size().checked_sub(2 * BLOCK as u64).filter(|end| end % BLOCK as u64 == 0);
    let end = end.ok_or_else(|| BackupError::damaged("the archive", "its end is missing"))?;
    let sums = find_last(frames, &File::Sums, end)?;
    let start = find_last(frames, &File::Manifest, sums)?;
    let mut archive = Archive::starting_at(frames, start, DEFAULT_MAX_LINE);
    let missing = || BackupError::damaged(File::Manifest.path(), "it is missing");
    let manifest = Manifest::read(&mut archive.next()?.ok_or_else(missing)?)?;

    let mut archive = Archive::new(frames, DEFAULT_MAX_LINE);
    archive.next()?;
    let mut at = archive.position();
    let mut next = |bytes: u64| {
        let position = at.saturating_add(BLOCK as u64);
        at = position.saturating_add(bytes).saturating_add(padding(bytes) as u64);
        position
    };
    let positions = manifest.members.iter().map(|member| {
        if let Some((_, name)) = member.part.name_file() {
            next(name.len() as u64);
        }
        next(member.total.bytes)
    });
    let positions = positions.collect();
    for (_, raw) in manifest.missing.iter().filter_map(Missing::raw_file) {
        next(raw.bytes);
    }
    if at != start {
        let damage = "the sizes of the parts do not lead to its position";
        return Err(BackupError::damaged(File::Manifest.path(), damage));
    }
    Ok((manifest, positions))
}

/// Returns the position of the header of the file that ends at `end`.
fn find_last<R: Read + Seek>(
    frames: &Frames<R>,
    file: &File,
    end: u64,
) -> Result<u64, BackupError> {
    let mut at = end;
    while let Some(before) = at.checked_sub(BLOCK as u64) {
        at = before;
        let mut block = END;
        let read = frames.stream(at..end).read_exact(&mut block);
        read.map_err(|error| BackupError::of_read(error, || file.path()))?;
        if let Some(Heading { file: found, bytes, .. }) = Heading::parse(&block) {
            let fits = (at + BLOCK as u64)
                .checked_add(bytes)
                .and_then(|at| at.checked_add(padding(bytes) as u64));
            if found == *file && fits == Some(end) {
                return Ok(at);
            }
            break;
        }
    }
    Err(BackupError::damaged(file.path(), "it is missing or not in its place"))
}
