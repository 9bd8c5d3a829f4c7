//! The trait that each format implements, and the values of its methods.

use std::fmt::Debug;
use std::path::PathBuf;

use session_store_core::{LogEntry, StoreError};

use crate::candidate::Candidate;
use crate::description::Description;
use crate::document;
use crate::environment::Environment;
use crate::identity::Identity;

/// The way in which a program keeps its logs in files.
///
/// A format is a set of functions of values. The engine reads the files, decompresses them, and
/// stores their entries. The engine calls the methods in this order for each file:
///
/// 1. [`classify`](Self::classify) decides from the path and the first 4 KiB whether the file is
///    one of this format, and what the file contains.
/// 2. [`split`](Self::split) returns the records of a file that is one JSON document. The engine
///    itself splits a file of lines.
/// 3. [`identify`](Self::identify) returns the ids that the log is stored under.
///
/// The other methods are for logs that are stored already. The path of such a log is not known, so
/// the format is found from the entries ([`recognize`](Self::recognize)).
///
/// # Ids never change
///
/// The next import finds the entries of the last one by the ids of [`identify`](Self::identify).
/// So the ids of a log must not depend on the folder that the user names, on the name of a project
/// folder, on the time, or on the store. A change of a rule stores every log a second time.
pub trait Format: Debug + Sync {
    /// Returns the name of the format in reports, such as `claude-code`. Derived ids contain the
    /// name, so it never changes.
    fn name(&self) -> &'static str;

    /// Returns the folders in which the program keeps its logs if its user has changed nothing. The
    /// folders need not exist.
    fn default_folders(&self, _environment: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Returns what the file contains, or `None` if the file is not one of this format.
    ///
    /// The first format of [`FORMATS`](crate::FORMATS) that returns a kind is used. A format should
    /// therefore claim a file only if the path or the first bytes are specific to the program.
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
    /// If a file of such a format no longer begins with the stored entries, that is not a conflict.
    /// The new form of the log is stored as a segment of its own, with the old one as its origin.
    fn rewrites(&self) -> bool {
        false
    }

    /// Returns whether this program wrote the stored log that begins with these entries. `first`
    /// has a few entries at most.
    fn recognize(&self, first: &[LogEntry]) -> bool;

    /// Returns what an entry says to a person. An unknown entry has an empty description.
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
