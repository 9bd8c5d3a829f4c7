//! The write-ahead log (WAL) as a file: checks whether the WAL belongs to the database beside it.
//!
//! SQLite identifies a WAL by its name only. If an older copy of a database replaces a newer
//! database, SQLite applies the WAL of the newer database to the older copy. The checks here find
//! many of these cases when a store is opened. `Maintenance::check` finds the others.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;

use crate::error::{DatabaseError, Result, gone, is_read_only};

const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Returns the path at which SQLite looks for a file beside the database.
///
/// SQLite follows a symbolic link and puts the file beside the target of the link.
pub(crate) fn sidecar(path: &Path, ending: &str) -> io::Result<PathBuf> {
    let mut sidecar = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        canonical => canonical?,
    }
    .into_os_string();
    sidecar.push(ending);
    Ok(sidecar.into())
}

/// The size and the time of the last change of a WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WalStamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl WalStamp {
    /// Returns the stamp of the WAL of the database at `path`, or `None` if the WAL does not exist
    /// or is empty.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let wal = fs::metadata(sidecar(path, "-wal").ok()?).ok()?;
        let stamp = Self { len: wal.len(), modified: wal.modified().ok() };
        (stamp.len > 0).then_some(stamp)
    }
}

/// Returns whether the database file has all changes, because the WAL and the rollback journal do
/// not exist or are empty.
pub(crate) fn is_file_complete(path: &Path) -> bool {
    let is_empty = |ending: &str| match sidecar(path, ending).and_then(fs::metadata) {
        Ok(file) => file.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    is_empty("-wal") && is_empty("-journal")
}

/// The page size, and two fields of a database's first page whose values never decrease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstPage {
    page_bytes: u64,
    schema_version: i64,
    user_version: i64,
}

impl FirstPage {
    /// Returns whether a store or another program has set `user_version`.
    pub(crate) fn is_marked(self) -> bool {
        self.user_version > 0
    }

    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let select = "SELECT page_size, schema_version, user_version
                      FROM pragma_page_size, pragma_schema_version, pragma_user_version";
        connection.query_row(select, (), |row| {
            Ok(Self {
                page_bytes: row.get::<_, u32>(0)?.into(),
                schema_version: row.get(1)?,
                user_version: row.get(2)?,
            })
        })
    }
}

/// Fails if the page size of the WAL differs from the page size of the database at `path`.
///
/// The check comes before SQLite opens the files. Closing the WAL here drops no lock, because
/// SQLite locks the database and the shared memory only.
pub(crate) fn check_page_size(path: &Path, database: FirstPage) -> Result<()> {
    match File::open(sidecar(path, "-wal")?).and_then(|mut wal| WalHeader::read(&mut wal)) {
        Ok(Some(header)) if u64::from(header.page_bytes) != database.page_bytes => {
            let [found, expected] = [header.page_bytes.into(), database.page_bytes];
            Err(foreign(path, format_args!("its pages have {found} bytes and not {expected}")))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Fails if the database, read through its WAL, is older than the database file alone, or lacks
/// pages.
///
/// `file` is the first page of the database file alone, read before the WAL.
pub(crate) fn check_pages(
    connection: &Connection,
    path: &Path,
    file: Option<FirstPage>,
) -> Result<()> {
    let now = FirstPage::of(connection)?;
    if let Some(file) = file
        && (file.schema_version > now.schema_version || file.user_version > now.user_version)
    {
        return Err(foreign(path, "it is older than the database"));
    }
    // The two files are not read at one moment. So a difference counts only if no other connection
    // has written to the WAL meanwhile: the WAL must have the same number of frames afterwards. The
    // comparison is made twice, because the WAL could be reset and then reach the same number
    // again.
    let mut confirmations = 0;
    loop {
        let Some(frames) = frames_in_use(connection)?.filter(|&frames| frames > 0) else {
            return Ok(());
        };
        let Some(cause) = difference(connection, path, now.page_bytes, frames)? else {
            return Ok(());
        };
        if frames_in_use(connection)? == Some(frames) {
            if confirmations == 1 {
                return Err(foreign(path, cause));
            }
            confirmations += 1;
        }
    }
}

/// Compares the number of pages that the WAL records with the database. Returns a difference as a
/// text.
///
/// The last frame of each transaction records the number of pages of the database after the
/// transaction. SQLite stores the same number in the first page.
fn difference(
    connection: &Connection,
    path: &Path,
    page_bytes: u64,
    frames: u64,
) -> Result<Option<String>> {
    // SQLite does not reset the WAL while a transaction reads it.
    let snapshot = connection.unchecked_transaction()?;
    let by_first_page: u32 = snapshot.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let in_file = fs::metadata(path)?.len() / page_bytes;
    let Some(mut wal) = Wal::open(path)? else { return Ok(None) };
    let Some(by_wal) = wal.frame(frames - 1)?.map(|frame| frame.database_pages) else {
        return Ok(None);
    };
    if by_wal != by_first_page {
        let cause = format!("it is for {by_wal} pages and the database has {by_first_page}");
        return Ok(Some(cause));
    }
    if in_file >= by_wal.into() {
        return Ok(None);
    }
    let in_wal = wal.pages()?;
    let is_missing = |page: &u32| u64::from(*page) > in_file && !in_wal.contains(page);
    let missing = (1..=by_wal).find(is_missing);
    Ok(missing.map(|page| format!("page {page} of {by_wal} is in neither of the two files")))
}

/// Fails if the WAL is shorter than the length that the shared memory records.
///
/// This is the case if the WAL was removed while another connection has the database open, and
/// `connection` has created a new WAL. The shared memory still describes the old WAL. So
/// `connection` would look in the new WAL for pages that are only in the old WAL.
pub(crate) fn check_length(connection: &Connection, path: &Path) -> Result<()> {
    let wal = sidecar(path, "-wal")?;
    loop {
        let before = frames_in_use(connection)?;
        let frame_bytes = FirstPage::of(connection)?.page_bytes + FRAME_HEADER_BYTES as u64;
        let expected = before.map_or(0, |frames| HEADER_BYTES + frames * frame_bytes);
        if before == Some(0) || fs::metadata(&wal).is_ok_and(|wal| wal.len() >= expected) {
            return Ok(());
        }
        // Another connection may have truncated the WAL after the number of frames was read.
        if frames_in_use(connection)? == before {
            return Err(gone(&wal).into());
        }
    }
}

/// Returns the number of frames in the WAL according to the shared memory, or `None` if the
/// connection is read-only.
fn frames_in_use(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let mode = "PRAGMA wal_checkpoint(NOOP)";
    match connection.query_row(mode, (), |row| row.get::<_, i64>(1)) {
        Err(error) if is_read_only(&error) => Ok(None),
        // SQLite returns -1 if the database is not in WAL mode.
        frames => Ok(Some(u64::try_from(frames?).unwrap_or(0))),
    }
}

/// An open WAL with a valid header.
struct Wal {
    file: File,
    header: WalHeader,
}

/// The header of a frame.
struct Frame {
    page: u32,
    /// The number of pages of the database after a commit, or 0 if the frame does not commit.
    database_pages: u32,
}

impl Wal {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = File::open(sidecar(path, "-wal")?)?;
        Ok(WalHeader::read(&mut file)?.map(|header| Self { file, header }))
    }

    /// Returns the frame at `index`, or `None` if the frame was written before the last reset of
    /// the WAL.
    fn frame(&mut self, index: u64) -> io::Result<Option<Frame>> {
        let frame_bytes = u64::from(self.header.page_bytes) + FRAME_HEADER_BYTES as u64;
        self.file.seek(SeekFrom::Start(HEADER_BYTES + index * frame_bytes))?;
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let is_valid = read_exact(&mut self.file, &mut bytes)? && bytes[8..16] == self.header.salts;
        let [page, database_pages] = [word(&bytes, 0), word(&bytes, 4)];
        Ok(is_valid.then_some(Frame { page, database_pages }))
    }

    /// Returns the numbers of all pages in the WAL.
    fn pages(&mut self) -> io::Result<BTreeSet<u32>> {
        let frames = (0..).map_while(|index| self.frame(index).transpose());
        frames.map(|frame| frame.map(|frame| frame.page)).collect()
    }
}

/// The header of a WAL (<https://sqlite.org/fileformat2.html#walformat>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WalHeader {
    page_bytes: u32,
    salts: [u8; 8],
}

impl WalHeader {
    fn read(wal: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER_BYTES as usize];
        Ok(if read_exact(wal, &mut bytes)? { Self::parse(&bytes) } else { None })
    }

    /// Returns `None` for a header that SQLite ignores together with the whole WAL.
    fn parse(bytes: &[u8; HEADER_BYTES as usize]) -> Option<Self> {
        const MAGIC: u32 = 0x377f_0682;
        const VERSION: u32 = 3_007_000;
        // The lowest bit of the magic number is the byte order of the checksum.
        let big_endian = word(bytes, 0) & 1 == 1;
        let is_valid = word(bytes, 0) & !1 == MAGIC
            && word(bytes, 4) == VERSION
            && checksum(&bytes[..24], big_endian) == [word(bytes, 24), word(bytes, 28)];
        let salts = bytes[16..24].try_into().ok()?;
        is_valid.then_some(Self { page_bytes: word(bytes, 8), salts })
    }
}

fn checksum(bytes: &[u8], big_endian: bool) -> [u32; 2] {
    let word_of = |chunk: &[u8]| {
        let word = word(chunk, 0);
        if big_endian { word } else { word.swap_bytes() }
    };
    bytes.chunks_exact(8).fold([0_u32; 2], |[first, second], pair| {
        let first = first.wrapping_add(word_of(&pair[..4])).wrapping_add(second);
        [first, second.wrapping_add(word_of(&pair[4..])).wrapping_add(first)]
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills the buffer and returns `true`. Returns `false` if the file ends too early.
fn read_exact(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// Returns the error for a WAL of another database.
pub(crate) fn foreign(path: &Path, cause: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Impossible(format!(
        "the write-ahead log {}-wal does not belong to the database: {cause}; restore the files \
         that belong together, or move the log away and lose the changes in it",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn header(page_bytes: u32, big_endian: bool) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = [0x377f_0682 | u32::from(big_endian), 3_007_000, page_bytes, 1, 0x0102, 0x0304];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        let [first, second] = checksum(&bytes[..24], big_endian);
        bytes[24..28].copy_from_slice(&first.to_be_bytes());
        bytes[28..].copy_from_slice(&second.to_be_bytes());
        bytes
    }

    #[rstest]
    fn a_valid_header_is_read(#[values(false, true)] big_endian: bool) {
        let expected = WalHeader { page_bytes: 512, salts: [0, 0, 1, 2, 0, 0, 3, 4] };
        assert_eq!(WalHeader::parse(&header(512, big_endian)), Some(expected));
    }

    #[rstest]
    fn a_header_with_a_changed_byte_is_ignored(#[values(0, 6, 11, 20, 27, 31)] byte: usize) {
        let mut bytes = header(4096, false);
        bytes[byte] ^= 0x40;
        assert_eq!(WalHeader::parse(&bytes), None);
    }
}
