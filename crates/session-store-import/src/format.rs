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
/// 2. [`split`](Self::split) returns the records of a file that is one JSON document. The engine
///    itself splits a file of lines.
/// 3. [`identify`](Self::identify) returns the session id and the segment id of the log in the
///    store.
///
/// The other methods are for logs that are already stored. The path of a stored log is unknown, so
/// the engine finds the format by the first entries ([`recognize`](Self::recognize)).
///
/// # Ids never change
///
/// An import finds the entries of an earlier import by the ids of [`identify`](Self::identify). So
/// the ids of a log must not depend on the folder that the user names, the name of a project
/// folder, the time, or the store. If the rule for an id changed, the next import would store every
/// log a second time.
pub trait Format: Debug + Sync {
    /// Returns the name of the format in reports, such as `claude-code`. Derived ids contain the
    /// name, so it never changes.
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
    /// The spelling of numbers and the order of keys do not change, because an entry is a part of
    /// the text of the document. The provided body takes the elements of an array.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the document does not have the form of this format.
    fn split(&self, document: &str) -> Result<Vec<LogEntry>, StoreError> {
        document::elements(document)
    }

    /// Returns whether the program rewrites records that it has written before.
    ///
    /// A file of such a format can differ from the entries that an earlier import has stored. This
    /// is not a conflict. The new form of the log is stored as a new segment, with the old segment
    /// as its origin.
    fn rewrites(&self) -> bool {
        false
    }

    /// Returns whether this program wrote the stored log that begins with these entries. `first`
    /// has a few entries at most.
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
    /// A file of the program that is not a log, such as its settings. The report counts the files
    /// under this name, which is a plural such as `prompt histories`.
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
