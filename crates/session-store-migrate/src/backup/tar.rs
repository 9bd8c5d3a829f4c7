//! The middle layer of a backup, between the files and the compression: the blocks of a tar
//! archive.
//!
//! An export always writes the same header for the same path, size and time. A read parses the
//! path, the size and the time of a header, constructs the header again from them, and refuses the
//! header if any byte differs. So links, folders, foreign paths and all other features of tar are
//! refused without separate checks.

use tar::Header;

use super::file::File;

/// The size of a block. A header is one block. Content is padded with zeros to whole blocks.
pub(super) const BLOCK: usize = 512;

/// A block of zeros. Two of them end an archive.
pub(super) const END: [u8; BLOCK] = [0; BLOCK];

/// The content of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) file: File,
    pub(super) bytes: u64,
    /// The time of the export, in seconds since 1970. All files of a backup have the same time.
    pub(super) time: u64,
}

impl Heading {
    pub(super) fn to_block(&self) -> [u8; BLOCK] {
        let mut header = Header::new_gnu();
        header.set_path(self.file.path()).expect("the paths of a backup are short and relative");
        header.set_size(self.bytes);
        // Logs can hold secrets, so other users must not be able to read the unpacked files.
        header.set_mode(0o600);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        *header.as_bytes()
    }

    pub(super) fn parse(block: &[u8; BLOCK]) -> Option<Self> {
        let header = Header::from_byte_slice(block);
        let path = String::from_utf8(header.path_bytes().into_owned()).ok()?;
        let heading = Self {
            file: File::parse(&path)?,
            bytes: header.entry_size().ok()?,
            time: header.mtime().ok()?,
        };
        (heading.to_block() == *block).then_some(heading)
    }
}

/// Returns the number of zeros after content of this size.
pub(super) const fn padding(bytes: u64) -> usize {
    (bytes.wrapping_neg() % BLOCK as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(bytes: u64) -> Heading {
        let path =
            "0190a7c2-0000-7000-8000-0000000000ff/0190a7c2-0000-7000-8000-0000000000ff.jsonl";
        Heading { file: File::parse(path).unwrap(), bytes, time: 1_790_000_000 }
    }

    #[test]
    fn a_heading_is_parsed_from_its_block() {
        for bytes in [0, 1, 511, 8 << 30, 1 << 40, u64::MAX / 2] {
            assert_eq!(Heading::parse(&heading(bytes).to_block()), Some(heading(bytes)));
        }
    }

    #[test]
    fn a_block_with_a_changed_bit_is_refused() {
        for (at, bit) in (0..BLOCK).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut block = heading(300).to_block();
            block[at] ^= 1 << bit;
            assert_eq!(Heading::parse(&block), None, "bit {bit} of byte {at}");
        }
    }

    /// Every changed byte outside of path, size and time is refused, even if the header's checksum
    /// matches the change.
    #[test]
    fn a_block_with_other_fields_is_refused() {
        let (path, size, time, checksum) = (0..100, 124..136, 136..148, 148..156);
        let may_differ =
            |at| [&path, &size, &time, &checksum].iter().any(|field| field.contains(&at));
        for at in (0..BLOCK).filter(|&at| !may_differ(at)) {
            let mut header = Header::from_byte_slice(&heading(300).to_block()).clone();
            header.as_mut_bytes()[at] ^= 1;
            header.set_cksum();
            assert_eq!(Heading::parse(header.as_bytes()), None, "byte {at}");
        }
    }

    #[test]
    fn content_is_padded_to_whole_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
