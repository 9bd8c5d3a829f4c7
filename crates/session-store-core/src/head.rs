//! Where a segment's log ends: the position that conditional writes compare.

use std::fmt;

/// The end of a segment's log at one moment: the number of its entries and an opaque token (H1).
///
/// Heads are compared whole. A head has no order: of two unequal ones, nothing says which is newer. With
/// [`Capability::Epoch`](crate::Capability::Epoch) the token changes whenever entries were cut, replaced or
/// recreated, so an equal head means an unchanged log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    entries: usize,
    token: u128,
}

impl Head {
    /// For implementors of a store: `token` is random enough never to come again, or constant (0) in a
    /// store without [`Capability::Epoch`](crate::Capability::Epoch).
    #[must_use]
    pub const fn new(entries: usize, token: u128) -> Self {
        Self { entries, token }
    }

    pub(crate) const fn token(&self) -> u128 {
        self.token
    }

    /// How many entries the log holds.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.entries
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:032x}", self.entries, self.token)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}
