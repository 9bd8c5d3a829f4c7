//! `Capability`: the promises of a store beyond the base level, by name.

use std::fmt;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A promise that a store can declare beyond the base level of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$doc])* $variant,)*
        }

        impl Capability {
            /// All capabilities.
            pub const ALL: &'static [Capability] = &[$(Capability::$variant,)*];

            /// Returns the name that the [contract](crate::contract) uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Capability::$variant => $name,)*
                }
            }
        }
    };
}

capabilities! {
    /// `append_if` and `truncate_if` work.
    ///
    /// Clauses [H2](crate::contract#h2) and [H6](crate::contract#h6).
    ConditionalAppend = "conditional_append",
    /// `read_trace_page` works.
    ///
    /// Clause [X3](crate::contract#x3).
    ReadTraces = "read_traces",
    /// `delete_segment` and `delete_session` work.
    ///
    /// Clause [D1](crate::contract#d1).
    Delete = "delete",
    /// `sync` works, and a store can be opened with
    /// [`Durability::Power`](crate::Durability::Power).
    ///
    /// Clause [S4](crate::contract#s4).
    DurableSync = "durable_sync",
    /// The token of a head changes when the log is truncated, replaced or recreated.
    ///
    /// The provided bodies of `head` and `read_page` return a constant token. So a store with this
    /// capability must implement both methods.
    ///
    /// Clauses [H1](crate::contract#h1) and [H4](crate::contract#h4).
    Epoch = "epoch",
    /// `append_all` and `append_if` store all entries or none, even if the process is killed.
    ///
    /// Clause [A7](crate::contract#a7).
    AtomicBatch = "atomic_batch",
    /// The data outlives the last handle.
    ///
    /// Clauses [S2](crate::contract#s2) and [S3](crate::contract#s3).
    Persistent = "persistent",
    /// Several processes can open the same storage.
    ///
    /// Clauses [A4](crate::contract#a4) and [S6](crate::contract#s6).
    MultiProcess = "multi_process",
    /// `put_pod_if` works.
    ///
    /// Clause [P4](crate::contract#p4).
    ConditionalPut = "conditional_put",
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The set of capabilities that a store declares.
///
/// ```
/// use session_store_core::{Capabilities, Capability};
///
/// const MINE: Capabilities =
///     Capabilities::NONE.with(Capability::Delete).with(Capability::Persistent);
/// assert!(MINE.has(Capability::Delete));
/// assert_eq!(MINE.to_string(), "delete, persistent");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u32);

impl Capabilities {
    /// The base level: no capability.
    pub const NONE: Self = Self(0);

    /// Returns this set with one more capability.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u32)
    }

    /// Returns whether `capability` is in the set.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u32 != 0
    }

    /// Returns the capabilities in the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(move |&capability| self.has(capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Capability::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
