//! What a store can do beyond the base level, by name.

use std::fmt;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// One thing that a store may declare beyond the base level of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$doc])* $variant,)*
        }

        impl Capability {
            /// Every capability there is.
            pub const ALL: &'static [Capability] = &[$(Capability::$variant,)*];

            /// The name that CONTRACT.md uses.
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
    /// `append_if` and `truncate_if` work (H2, H6).
    ConditionalAppend = "conditional_append",
    /// `read_trace_page` works (X3).
    ReadTraces = "read_traces",
    /// `delete_segment` and `delete_session` work (D1).
    Delete = "delete",
    /// `sync` works, and durability through a power cut can be asked for (S4).
    DurableSync = "durable_sync",
    /// A head's token tells truncate-and-regrow, replace and recreate apart (H1, H4).
    Epoch = "epoch",
    /// `append_all` and `append_if` store all entries or none, under a crash too (A7).
    AtomicBatch = "atomic_batch",
    /// What is stored outlives the last handle (S2, S3).
    Persistent = "persistent",
    /// Several processes may open the same storage (A3, A4, S6).
    MultiProcess = "multi_process",
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
    /// The base level: none.
    pub const NONE: Self = Self(0);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u32)
    }

    /// Whether `capability` is in the set.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u32 != 0
    }

    /// The capabilities in the set, in a fixed order.
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
