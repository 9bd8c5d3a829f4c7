//! The requirements of checks for the store and the harness, and their names in a `skip` list.

use std::fmt;
use std::path::Path;

use session_store_core::{
    Capabilities, Capability, SegmentId, SegmentInfo, SessionId, Store, StoreError,
};

use crate::harness::{Harness, Storage};

/// A requirement of a check. `Display` prints its name in the `skip` list of
/// [`conformance_tests!`](crate::conformance_tests).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// An operation beyond the base level. If the store does not declare the operation, the check
    /// requires that the operation returns `Unsupported` and changes nothing.
    Operation(Capability),
    /// A guarantee. If the store does not declare the guarantee, the check does not apply.
    Guarantee(Capability),
    /// A store that declares `conditional_append` or `atomic_batch`, and so implements `append_all`
    /// itself.
    OwnBatches,
    /// A store that keeps pods.
    Pods,
    /// A store that returns [`Store::maintenance`].
    Maintenance,
    /// A store that knows the [size](session_store_core::SegmentInfo::bytes) of a new segment.
    Sizes,
    /// A store that knows the [time](session_store_core::SegmentInfo::modified) of the last change.
    Times,
    /// [`Storage::folder`].
    Folder,
    /// [`Storage::log_file`].
    LogFile,
    /// [`Storage::overwrite`], or a log file.
    Overwrite,
    /// [`Storage::unlist`].
    Unlist,
    /// [`Storage::raise_format`].
    RaiseFormat,
    /// [`Storage::open_missing`].
    OpenMissing,
    /// [`Storage::address`] and [`Harness::helper`].
    Process,
    /// An address that is the path of files.
    Files,
}

/// The name in the place of a fact, for a requirement that no fact covers.
const NO_FACT: &str = "no_fact";

/// A fact about a store or a harness, such as `only_open`: `skip` accepts its name in the place of
/// several requirements that are not met.
struct Fact {
    name: &'static str,
    meaning: &'static str,
}

// The macro `facts` defines the macro `with_fact`, which needs `$` signs for its own fragments. The
// caller passes a `$` as the first token (`$d`), and the definition of `with_fact` writes `$d` in
// the place of `$`.
macro_rules! facts {
    ($d:tt $($fact:ident $meaning:literal { $($requirement:ident)* })*) => {
        const FACTS: &[Fact] = &[$(Fact { name: stringify!($fact), meaning: $meaning }),*];

        /// Calls the macro `$callback`. Replaces the requirement in its tokens by the fact from
        /// which the requirement follows, or by `no_fact`.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! with_fact {
            $($(($d callback:ident! { $d($d before:tt)* } $requirement $d after:tt) => {
                $d callback! { $d($d before)* $fact $d after }
            };)*)*
            ($d callback:ident! { $d($d before:tt)* } $d other:ident $d after:tt) => {
                $d callback! { $d($d before)* no_fact $d after }
            };
        }
    };
}

facts! { $
    base_level "the store has only the nine required methods" {
        persistent multi_process epoch atomic_batch own_batches pods maintenance sizes times
    }
    only_open "the harness only opens handles, in this process" {
        process files folder log_file overwrite unlist raise_format open_missing
    }
}

/// Returns the word as a text.
macro_rules! text_of {
    ($word:ident []) => {
        stringify!($word)
    };
}

macro_rules! requirements {
    ($($name:ident = $requirement:expr;)*) => {
        /// The names as constants, for the list of checks.
        #[allow(non_upper_case_globals, reason = "the list of checks reads them as its own words")]
        pub(crate) mod names {
            use session_store_core::Capability;

            use super::Requirement;

            $(pub(crate) const $name: Requirement = $requirement;)*
        }

        impl Requirement {
            /// Every requirement with its name and its fact.
            const ALL: &'static [(&'static str, &'static str, Self)] =
                &[$((stringify!($name), with_fact!(text_of! {} $name []), names::$name),)*];
        }
    };
}

requirements! {
    conditional_append = Requirement::Operation(Capability::ConditionalAppend);
    read_traces = Requirement::Operation(Capability::ReadTraces);
    delete = Requirement::Operation(Capability::Delete);
    durable_sync = Requirement::Operation(Capability::DurableSync);
    conditional_put = Requirement::Operation(Capability::ConditionalPut);
    epoch = Requirement::Guarantee(Capability::Epoch);
    atomic_batch = Requirement::Guarantee(Capability::AtomicBatch);
    persistent = Requirement::Guarantee(Capability::Persistent);
    multi_process = Requirement::Guarantee(Capability::MultiProcess);
    own_batches = Requirement::OwnBatches;
    pods = Requirement::Pods;
    maintenance = Requirement::Maintenance;
    sizes = Requirement::Sizes;
    times = Requirement::Times;
    folder = Requirement::Folder;
    log_file = Requirement::LogFile;
    overwrite = Requirement::Overwrite;
    unlist = Requirement::Unlist;
    raise_format = Requirement::RaiseFormat;
    open_missing = Requirement::OpenMissing;
    process = Requirement::Process;
    files = Requirement::Files;
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, _, requirement)| requirement == self);
        f.write_str(named.map_or("an unnamed requirement", |(name, _, _)| name))
    }
}

impl Requirement {
    /// Returns every requirement that a skip with this name covers: the requirement of this name,
    /// or all requirements that follow from the fact of this name.
    pub(crate) fn all_named(name: &str) -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().map(|(_, _, requirement)| *requirement);
        all.filter(move |requirement| requirement.is_named_by(name))
    }

    pub(crate) fn is_named_by(self, name: &str) -> bool {
        let own = Self::ALL.iter().find(|(_, _, requirement)| *requirement == self);
        own.is_some_and(|(own, fact, _)| [*own, *fact].contains(&name) && name != NO_FACT)
    }

    /// Returns the missing lines under `skip`: lines for all requirements that `harness` does not
    /// meet, unless a name in `skipped` covers them.
    pub(crate) fn missing_lines(
        harness: &dyn Harness,
        skipped: &[&str],
    ) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        for fact in FACTS {
            let all: Vec<_> = Self::all_named(fact.name).collect();
            let mut of_fact = Vec::new();
            for &requirement in &all {
                if requirement.is_missing(harness)? {
                    of_fact.push(requirement);
                }
            }
            let is_listed =
                |requirement: &Self| skipped.iter().any(|name| requirement.is_named_by(name));
            let whole = of_fact.len() == all.len() && !of_fact.iter().any(is_listed);
            if whole {
                lines.push(format!("{}: {:?},", fact.name, fact.meaning));
                continue;
            }
            for requirement in of_fact.into_iter().filter(|requirement| !is_listed(requirement)) {
                lines.push(requirement.line(harness)?);
            }
        }
        Ok(lines)
    }

    /// Returns the line for this requirement, and how to meet the requirement.
    fn line(self, harness: &dyn Harness) -> Result<String, StoreError> {
        let storage = harness.fresh();
        let declared = Declared::by(&*storage.open()?);
        let reason = self.missing(harness, &*storage, declared).unwrap_or_default();
        let methods = self.methods().map(|methods| format!(" // or implement {methods}"));
        Ok(format!("{self}: {reason:?},{}", methods.unwrap_or_default()))
    }

    /// Returns whether a fresh storage of `harness` does not meet the requirement.
    pub(crate) fn is_missing(self, harness: &dyn Harness) -> Result<bool, StoreError> {
        let storage = harness.fresh();
        let declared = Declared::by(&*storage.open()?);
        Ok(self.missing(harness, &*storage, declared).is_some())
    }

    /// Returns the reason why a check with this requirement cannot run, or `None` if the
    /// requirement is met.
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
            Self::Maintenance => (declared.has_maintenance, "the store has no maintenance"),
            Self::Sizes => (
                info_of_new_segment(storage).is_some_and(|info| info.bytes.is_some()),
                "the store does not know the sizes of segments",
            ),
            Self::Times => (
                info_of_new_segment(storage).is_some_and(|info| info.modified.is_some()),
                "the store does not know the times of changes",
            ),
            Self::Folder => (storage.folder().is_some(), "the harness has no folder"),
            Self::LogFile => (log_file(), "the harness has no log file"),
            Self::Overwrite => {
                let done = storage.overwrite(SessionId::new(), SegmentId::new(), 0, b"");
                (done.is_some() || log_file(), "the harness cannot overwrite an entry")
            }
            Self::Unlist => {
                let done = storage.unlist(SessionId::new(), SegmentId::new());
                (done.is_some(), "the harness cannot remove a segment from an index")
            }
            Self::RaiseFormat => {
                (storage.raise_format().is_some(), "the harness cannot raise the format version")
            }
            Self::OpenMissing => {
                (storage.open_missing().is_some(), "the harness cannot open a missing storage")
            }
            Self::Process => {
                let able = storage.address().is_some() && harness.helper().is_some();
                (able, "the harness cannot open the storage in another process")
            }
            Self::Files => {
                let files = storage.address().is_some_and(|address| Path::new(&address).exists());
                (files, "the address of the storage is not a path of files")
            }
        };
        (!met).then(|| reason.to_owned())
    }

    /// Returns the methods to implement in order to meet the requirement.
    pub(crate) const fn methods(self) -> Option<&'static str> {
        match self {
            Self::Folder => Some("Storage::folder"),
            Self::LogFile => Some("Storage::log_file"),
            Self::Overwrite => Some("Storage::overwrite or log_file"),
            Self::Unlist => Some("Storage::unlist"),
            Self::RaiseFormat => Some("Storage::raise_format"),
            Self::OpenMissing => Some("Storage::open_missing"),
            Self::Process => Some("Storage::address and open_at"),
            Self::Files => Some("Storage::address, with a path"),
            _ => None,
        }
    }

    /// Returns the required operation if the store does not declare it.
    pub(crate) fn undeclared(self, declared: Declared) -> Option<Capability> {
        match self {
            Self::Operation(capability) => {
                (!declared.capabilities.has(capability)).then_some(capability)
            }
            _ => None,
        }
    }
}

/// Returns the facts of a segment that is created in the storage.
fn info_of_new_segment(storage: &dyn Storage) -> Option<SegmentInfo> {
    let (store, session_id, segment_id) =
        (storage.open().ok()?, SessionId::new(), SegmentId::new());
    store.create_segment(session_id, segment_id, &[]).ok()?;
    store.segment_info(session_id, segment_id).ok()?
}

/// The declarations of a store. They are read before the harness changes the storage, because a
/// harness can change a storage only while no handle is open.
#[derive(Clone, Copy)]
pub(crate) struct Declared {
    capabilities: Capabilities,
    keeps_pods: bool,
    has_maintenance: bool,
}

impl Declared {
    pub(crate) fn by(store: &dyn Store) -> Self {
        Self {
            capabilities: store.capabilities(),
            keeps_pods: store.pods().is_some(),
            has_maintenance: store.maintenance().is_some(),
        }
    }
}
