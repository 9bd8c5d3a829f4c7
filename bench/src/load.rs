//! The entries that the benchmarks append: of one size, or of the sizes in real logs.

use std::fs;
use std::path::Path;

use session_store_core::{LogEntry, SegmentRef, Store};

use crate::{Done, Fallible};

/// A histogram of real logs: the size of a line in bytes, and the number of lines of about this
/// size.
///
/// Measured on 2026-11-22 over 13,849 lines in 27 logs of three agents. The limits between two
/// sizes are powers of the square root of two. Each size is the mean of the lines between two
/// limits.
const SIZES: [(usize, usize); 23] = [
    (48, 1),
    (86, 2388),
    (93, 4042),
    (146, 1674),
    (238, 96),
    (308, 93),
    (451, 74),
    (627, 2814),
    (895, 716),
    (1180, 805),
    (1703, 298),
    (2427, 254),
    (3365, 186),
    (4872, 116),
    (7026, 75),
    (9283, 62),
    (14_173, 48),
    (19_632, 41),
    (27_643, 41),
    (38_040, 12),
    (59_728, 6),
    (75_793, 5),
    (1_209_670, 2),
];

/// The number of entries of a load.
pub(crate) const ENTRIES: usize = 256;

/// A text with as many escapes as in real messages, so that checking the text takes as long.
const TEXT: &str = r#"Read the file again, then \"fix\" what the test says; it is line 42.\n"#;

/// Entries that are appended repeatedly.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<LogEntry>,
}

impl Load {
    /// Creates entries of 1,000 bytes.
    pub(crate) fn one_kilobyte() -> Self {
        Self::of_size("entries of 1 KB", 1000)
    }

    pub(crate) fn of_size(name: &'static str, size: usize) -> Self {
        Self { name, entries: vec![entry(size); ENTRIES] }
    }

    /// Creates entries with the sizes of the lines in the folder's JSONL files. Without a folder,
    /// uses the measured [`SIZES`].
    pub(crate) fn corpus(folder: Option<&Path>) -> Fallible<Self> {
        let sizes = match folder {
            Some(folder) => sizes_in(folder)?.into_iter().map(|size| (size, 1)).collect(),
            None => SIZES.to_vec(),
        };
        if sizes.is_empty() {
            return Err("the corpus has no lines in files named *.jsonl".into());
        }
        let sizes = mixed(&quantiles(sizes, ENTRIES));
        Ok(Self {
            name: "entries of corpus sizes",
            entries: sizes.into_iter().map(entry).collect(),
        })
    }

    /// Returns the entries as lines of a file.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        self.entries.iter().map(line).collect()
    }

    /// Returns `size` entries.
    pub(crate) fn batch(&self, size: usize) -> Vec<LogEntry> {
        self.entries.iter().cycle().take(size).cloned().collect()
    }
}

/// Appends one entry with `append`, and several entries with `append_all`.
pub(crate) fn append(log: SegmentRef<'_, dyn Store + '_>, entries: &[LogEntry]) -> Done {
    match entries {
        [entry] => Ok(log.append(entry)?),
        entries => Ok(log.append_all(entries)?),
    }
}

pub(crate) fn line(entry: &LogEntry) -> Vec<u8> {
    format!("{}\n", entry.as_json()).into_bytes()
}

/// Returns an entry of `size` bytes. If `size` is too small for an entry, returns the shortest
/// possible entry.
fn entry(size: usize) -> LogEntry {
    let (head, tail) = (r#"{"kind":"note","ts":1767225600000,"text":""#, r#""}"#);
    let text = size.saturating_sub(head.len() + tail.len());
    let (whole, rest) = (TEXT.repeat(text / TEXT.len()), "x".repeat(text % TEXT.len()));
    LogEntry::from_json(format!("{head}{whole}{rest}{tail}")).expect("the text is a JSON object")
}

/// Returns the sizes of the non-empty lines of all JSONL files below the folder.
fn sizes_in(folder: &Path) -> Fallible<Vec<usize>> {
    let mut sizes = Vec::new();
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            sizes.extend(sizes_in(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = fs::read(path)?;
            let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
            sizes.extend(lines.map(<[u8]>::len).filter(|&size| size > 0));
        }
    }
    Ok(sizes)
}

/// Returns `count` sizes with the same distribution as the given sizes and frequencies.
fn quantiles(mut sizes: Vec<(usize, usize)>, count: usize) -> Vec<usize> {
    sizes.sort_unstable();
    let total: usize = sizes.iter().map(|size| size.1).sum();
    let (mut index, mut passed) = (0, 0);
    let quantile = |number| {
        // All sizes in ascending order are divided into `count` equal parts. The quantile is the
        // size in the middle of its part.
        let place = (2 * number + 1) * total / (2 * count);
        while passed + sizes[index].1 <= place {
            passed += sizes[index].1;
            index += 1;
        }
        sizes[index].0
    };
    (0..count).map(quantile).collect()
}

/// Returns the sizes in another, fixed order. The step and the number of sizes have no common
/// factor, so every size is taken once.
fn mixed(sizes: &[usize]) -> Vec<usize> {
    const STEP: usize = 97;
    (0..sizes.len()).map(|index| sizes[index * STEP % sizes.len()]).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(57, 57)]
    #[case(1000, 1000)]
    #[case(70_000, 70_000)]
    #[case(3, 44)]
    fn an_entry_has_its_size(#[case] size: usize, #[case] has: usize) {
        assert_eq!(entry(size).as_json().len(), has);
    }

    #[rstest]
    #[case(&[(7, 1)], 3, &[7, 7, 7])]
    #[case(&[(9, 1), (2, 3)], 4, &[2, 2, 2, 9])]
    #[case(&[(1, 50), (2, 50)], 2, &[1, 2])]
    #[case(&[(1, 1), (2, 1), (3, 1), (4, 1)], 2, &[2, 4])]
    fn quantiles_keep_the_distribution(
        #[case] sizes: &[(usize, usize)],
        #[case] count: usize,
        #[case] kept: &[usize],
    ) {
        assert_eq!(quantiles(sizes.to_vec(), count), kept);
    }

    #[test]
    fn mixing_loses_nothing() {
        let mut sizes = mixed(&(0..ENTRIES).collect::<Vec<_>>());
        assert_ne!(sizes, (0..ENTRIES).collect::<Vec<_>>());
        sizes.sort_unstable();
        assert_eq!(sizes, (0..ENTRIES).collect::<Vec<_>>());
    }

    #[test]
    fn a_corpus_is_all_jsonl_files_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deeper")).unwrap();
        fs::write(folder.path().join("deeper/a.jsonl"), "{\"a\":1}\r\n\n{}").unwrap();
        fs::write(folder.path().join("b.txt"), "no").unwrap();
        assert_eq!(sizes_in(folder.path()).unwrap(), [7, 2]);
    }
}
