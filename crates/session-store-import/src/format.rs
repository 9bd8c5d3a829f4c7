//! `Format`: the trait for the logs of one program, and the types that its methods return.

use std::fmt::Debug;
use std::path::PathBuf;

use session_store_core::{LogEntry, StoreError};

use crate::candidate::Candidate;
use crate::description::Description;
use crate::document;
use crate::environment::Environment;
use crate::identity::Identity;

/// The way in which a program stores its logs in files.
///
/// The methods of a format are pure functions. The engine reads and decompresses the files, and
/// stores the entries. For each file, the engine calls these methods in this order:
///
/// 1. [`classify`](Self::classify) decides from the path and the first 4 KiB whether the file is of
///    this format, and returns the kind of its content.
/// 2. [`split`](Self::split) returns the records of a file that is one JSON document. It is not
///    called for a file of lines, which the engine itself splits.
/// 3. [`identify`](Self::identify) returns the ids under which the log is stored: a session id and
///    a segment id.
///
/// The other methods are for logs that are already stored. The original path of a stored log is
/// unknown, so the engine finds the format by the first entries of the log
/// ([`recognize`](Self::recognize)).
///
/// # Ids never change
///
/// An import finds the entries of an earlier import by the ids that [`identify`](Self::identify)
/// returns. So the ids of a log must not depend on the folder that the user names, on the name of a
/// project folder, on the time, or on the store. If a format's rule for ids changed, the next
/// import would store every log of the format a second time.
pub trait Format: Debug + Sync {
    /// Returns the name of the format in reports, such as `claude-code`. The name never changes,
    /// because derived ids depend on it.
    fn name(&self) -> &'static str;

    /// Returns the folders in which the program stores its logs by default. The folders need not
    /// exist.
    fn default_folders(&self, _environment: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Returns the kind of the file's content, or `None` if the file is not of this format.
    ///
    /// The engine uses the first format of [`FORMATS`](crate::FORMATS) that returns a kind. A
    /// format should therefore return a kind only if the path or the first bytes are specific to
    /// the program.
    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind>;

    /// Returns the ids of a log or a trace. `first` is the first entry of the file.
    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity;

    /// Returns the entries of a file of the kind [`Encoding::Document`], in their order.
    ///
    /// The text of an entry is a part of the text of the document, so the spelling of numbers and
    /// the order of keys do not change. The provided implementation returns the elements of an
    /// array.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the document does not have the form of this format.
    fn split(&self, document: &str) -> Result<Vec<LogEntry>, StoreError> {
        document::elements(document)
    }

    /// Returns whether the program rewrites records that it has written before.
    ///
    /// A file of such a format can differ from the entries that an earlier import has stored. Such
    /// a difference is not a conflict. The new form of the log is stored as a new segment, which
    /// names the old segment as its origin.
    fn rewrites(&self) -> bool {
        false
    }

    /// Returns whether this program wrote a stored log. `first` contains at most a few entries from
    /// the beginning of the log.
    fn recognize(&self, first: &[LogEntry]) -> bool;

    /// Returns the readable content of an entry. The description of an unknown entry is empty.
    fn describe(&self, entry: &LogEntry) -> Description;
}

/// The content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// The log of one segment.
    Log(Encoding),
    /// The trace of a segment: lines of JSON.
    Trace,
    /// A pod: a named agent with a pointer to a session.
    Pod,
    /// A file of the program that is not a log, such as a settings file. The text is the name of
    /// the kind, in the plural, such as `prompt histories`. The report counts the files of a kind
    /// under this name.
    Companion(&'static str),
}

/// The way in which a file contains its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Each line is one JSON object.
    Lines,
    /// The whole file is one JSON value, which [`Format::split`] splits into records.
    Document,
}
