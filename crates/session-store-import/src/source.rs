//! `LogFile`: an open file of records, whose content is decompressed when it is read. Also a table
//! of the first bytes of files that cannot be logs.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use crate::candidate::HEAD_BYTES;
use crate::records::ReadError;

/// The size of the read buffers, in bytes.
const BUFFER: usize = 64 * 1024;

/// An open regular file. The file is read up to the length that it had when it was opened.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    len: u64,
    compression: Option<Compression>,
}

#[derive(Clone, Copy, Debug)]
enum Compression {
    Gzip,
    Zstd,
}

impl LogFile {
    /// Opens a regular file. Anything else is an error. A pipe in particular must not be opened,
    /// because the call would wait for a writer.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Self::of(File::open(path)?)?),
            Ok(_) => Err(ReadError::NotRegular),
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied && path.is_symlink() => {
                Err(ReadError::Dangling)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Finds the length and the compression of an open file.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let mut magic = [0; 4];
        let read = read_up_to(&mut &file, &mut magic)?;
        let compression = match magic[..read] {
            [0x1F, 0x8B, ..] => Some(Compression::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD] => Some(Compression::Zstd),
            _ => None,
        };
        Ok(Self { file, len, compression })
    }

    /// Returns whether the file is compressed.
    pub(crate) const fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }

    /// Returns the first bytes of the content.
    pub(crate) fn head(&self) -> Result<Vec<u8>, ReadError> {
        let mut head = vec![0; HEAD_BYTES];
        let read = read_up_to(&mut self.reader()?, &mut head).map_err(|error| self.error(error))?;
        head.truncate(read);
        Ok(head)
    }

    /// Returns a reader of the content from its beginning.
    pub(crate) fn reader(&self) -> io::Result<Box<dyn BufRead + '_>> {
        let mut file = &self.file;
        file.rewind()?;
        let file = BufReader::with_capacity(BUFFER, file.take(self.len));
        let decoder: Box<dyn Read + '_> = match self.compression {
            None => return Ok(Box::new(file)),
            Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Some(Compression::Zstd) => Box::new(zstd::Decoder::with_buffer(file)?),
        };
        Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)))
    }

    /// Converts an error of the reader. Distinguishes errors of the operating system from damaged
    /// compressed data.
    pub(crate) fn error(&self, error: io::Error) -> ReadError {
        match self.compression {
            // An error of the operating system has a number. An error of the decompressor has no
            // number.
            Some(compression) if error.raw_os_error().is_none() => {
                let name = match compression {
                    Compression::Gzip => "gzip",
                    Compression::Zstd => "zstd",
                };
                ReadError::Compressed { name, error }
            }
            _ => ReadError::Io(error),
        }
    }
}

/// Reads until `buffer` is full or the input ends. Returns the number of bytes.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match input.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// A kind of file that cannot contain JSON lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The name of the kind for one file.
    pub(crate) one: &'static str,
    /// The name of the kind for several files.
    pub(crate) many: &'static str,
}

const UTF_16: Foreign = Foreign {
    one: "text in UTF-16; convert it with: iconv -f UTF-16 -t UTF-8",
    many: "texts in UTF-16",
};
const IMAGE: Foreign = Foreign { one: "an image", many: "images" };
const ARCHIVE: Foreign =
    Foreign { one: "an archive; unpack it and import its folder", many: "archives" };

/// The first bytes of each kind of file.
const FOREIGN: [(&[u8], Foreign); 10] = [
    (b"\xFF\xFE", UTF_16),
    (b"\xFE\xFF", UTF_16),
    (
        b"SQLite format 3\0",
        Foreign { one: "an SQLite database, not a log", many: "SQLite databases" },
    ),
    (b"\x89PNG", IMAGE),
    (b"\xFF\xD8\xFF", IMAGE),
    (b"GIF8", IMAGE),
    (b"PK\x03\x04", ARCHIVE),
    (b"7z\xBC\xAF\x27\x1C", ARCHIVE),
    (b"\xFD7zXZ\0", Foreign { one: "data compressed with xz; decompress it", many: "xz files" }),
    (b"%PDF-", Foreign { one: "a PDF document", many: "PDF documents" }),
];

/// The offset and the bytes that identify a tar archive.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Returns the kind of a file that cannot be UTF-8 text, according to its first bytes. Returns
/// `None` if the file may be text.
pub(crate) fn foreign(head: &[u8]) -> Option<Foreign> {
    let found = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    let (at, magic) = TAR;
    let is_tar = head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let is_wide = matches!(head, [b'{', 0, b'"', 0, ..] | [0, b'{', 0, b'"', ..]);
    found.or(is_tar.then_some(ARCHIVE)).or(is_wide.then_some(UTF_16))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::json(b"{}", None)]
    #[case::empty(b"", None)]
    #[case::utf_16(b"\xFF\xFE{\0", Some("texts in UTF-16"))]
    #[case::utf_16_without_a_mark(b"{\0\"\0a\0", Some("texts in UTF-16"))]
    #[case::database(b"SQLite format 3\0....", Some("SQLite databases"))]
    #[case::image(b"\x89PNG\r\n", Some("images"))]
    #[case::archive(b"PK\x03\x04", Some("archives"))]
    fn a_foreign_file_is_found_by_its_first_bytes(
        #[case] head: &[u8],
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(foreign(head).map(|kind| kind.many), expected);
    }
}
