//! What a check needs of the store or of the harness, and the word for it, which a skip may name.

use std::fmt;
use std::path::Path;

use session_store_core::{Capabilities, Capability, SegmentId, SessionId, Store, StoreError};

use crate::harness::{Harness, Storage};

/// What a check needs of the store or of the harness. `Display` is the word that stands for it in
/// [`conformance_tests!`](crate::conformance_tests).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// A method beyond the base level. Where the store does not declare it, the check demands that it
    /// answers `Unsupported` and changes nothing.
    Operation(Capability),
    /// A promise that the store must declare, or the check says nothing about it.
    Guarantee(Capability),
    /// A store that declares `conditional_append` or `atomic_batch`, and so has an `append_all` of its own
    /// (A7).
    OwnBatches,
    /// A store that keeps pods.
    Pods,
    /// [`Storage::folder`].
    Folder,
    /// [`Storage::log_file`].
    LogFile,
    /// [`Storage::overwrite`], or a log file.
    Overwrite,
    /// [`Storage::raise_format`].
    RaiseFormat,
    /// [`Storage::open_missing`].
    OpenMissing,
    /// [`Storage::address`] and [`Harness::helper`].
    Process,
    /// An address that is the path of files.
    Files,
}

macro_rules! needs {
    ($($word:ident = $need:expr;)*) => {
        /// The words as constants, so that the list of checks can name them.
        #[allow(non_upper_case_globals, reason = "they are the words of a list, not names in code")]
        pub(crate) mod words {
            use session_store_core::Capability;

            use super::Need;

            $(pub(crate) const $word: Need = $need;)*
        }

        impl Need {
            const ALL: &'static [(&'static str, Self)] = &[$((stringify!($word), words::$word),)*];
        }
    };
}

needs! {
    conditional_append = Need::Operation(Capability::ConditionalAppend);
    read_traces = Need::Operation(Capability::ReadTraces);
    delete = Need::Operation(Capability::Delete);
    durable_sync = Need::Operation(Capability::DurableSync);
    epoch = Need::Guarantee(Capability::Epoch);
    atomic_batch = Need::Guarantee(Capability::AtomicBatch);
    persistent = Need::Guarantee(Capability::Persistent);
    multi_process = Need::Guarantee(Capability::MultiProcess);
    own_batches = Need::OwnBatches;
    pods = Need::Pods;
    folder = Need::Folder;
    log_file = Need::LogFile;
    overwrite = Need::Overwrite;
    raise_format = Need::RaiseFormat;
    open_missing = Need::OpenMissing;
    process = Need::Process;
    files = Need::Files;
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, need)| need == self).map(|(word, _)| *word);
        f.write_str(word.unwrap_or("something without a word"))
    }
}

impl Need {
    /// The need that `word` stands for.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(other, _)| *other == word).map(|(_, need)| *need)
    }

    /// Whether a fresh storage of `harness` lacks it.
    pub(crate) fn is_missing(self, harness: &dyn Harness) -> Result<bool, StoreError> {
        let storage = harness.fresh();
        let declared = Declared::by(&*storage.open()?);
        Ok(self.missing(harness, &*storage, declared).is_some())
    }

    /// Why a check can't run, if this need is why.
    pub(crate) fn missing(
        self,
        harness: &dyn Harness,
        storage: &dyn Storage,
        declared: Declared,
    ) -> Option<String> {
        let log_file = || storage.log_file(SessionId::new(), SegmentId::new()).is_some();
        let (met, reason) = match self {
            Self::Operation(_) => return None,
            Self::Guarantee(capability) => {
                let reason = format!("the store does not declare {capability}");
                return (!declared.capabilities.has(capability)).then_some(reason);
            }
            Self::OwnBatches => {
                let own = [Capability::ConditionalAppend, Capability::AtomicBatch];
                let has_any = own.iter().any(|&capability| declared.capabilities.has(capability));
                (has_any, "the store declares neither conditional_append nor atomic_batch")
            }
            Self::Pods => (declared.keeps_pods, "the store keeps no pods"),
            Self::Folder => (storage.folder().is_some(), "the harness names no folder"),
            Self::LogFile => (log_file(), "the harness names no log file"),
            Self::Overwrite => {
                let able = storage.overwrite(SessionId::new(), SegmentId::new(), 0, b"");
                (able.is_some() || log_file(), "the harness cannot overwrite an entry")
            }
            Self::RaiseFormat => {
                (storage.raise_format().is_some(), "the harness cannot raise the format's version")
            }
            Self::OpenMissing => {
                (storage.open_missing().is_some(), "the harness has no place without a storage")
            }
            Self::Process => {
                let able = storage.address().is_some() && harness.helper().is_some();
                (able, "the harness cannot open it in another process")
            }
            Self::Files => {
                let files = storage.address().is_some_and(|address| Path::new(&address).exists());
                (files, "the harness names no path of files")
            }
        };
        (!met).then(|| reason.to_owned())
    }

    /// What the author of a harness can implement to meet it.
    pub(crate) const fn methods(self) -> Option<&'static str> {
        match self {
            Self::Folder => Some("Storage::folder"),
            Self::LogFile => Some("Storage::log_file"),
            Self::Overwrite => Some("Storage::overwrite or log_file"),
            Self::RaiseFormat => Some("Storage::raise_format"),
            Self::OpenMissing => Some("Storage::open_missing"),
            Self::Process => Some("Storage::address and open_at"),
            Self::Files => Some("Storage::address, with a path"),
            _ => None,
        }
    }

    /// The operation that this need is, if the store does not declare it.
    pub(crate) fn undeclared(self, declared: Declared) -> Option<Capability> {
        match self {
            Self::Operation(capability) => {
                (!declared.capabilities.has(capability)).then_some(capability)
            }
            _ => None,
        }
    }
}

/// What a store says of itself. It is asked before anything is done to its storage, which needs that no
/// handle is open.
#[derive(Clone, Copy)]
pub(crate) struct Declared {
    capabilities: Capabilities,
    keeps_pods: bool,
}

impl Declared {
    pub(crate) fn by(store: &dyn Store) -> Self {
        Self { capabilities: store.capabilities(), keeps_pods: store.pods().is_some() }
    }
}
