//! `Durability`: the failures that an acknowledged change survives. A program chooses the
//! durability when it opens a store.

use std::fmt;
use std::str::FromStr;

/// The failures that an acknowledged change survives.
///
/// With every durability, a change survives the end of the process ([S3](crate::contract#s3)).
///
/// ```
/// use session_store_core::Durability;
///
/// assert_eq!("power".parse(), Ok(Durability::Power));
/// assert_eq!(Durability::default().to_string(), "process");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A change survives the end of the process, even by SIGKILL. A power cut or a crash of the
    /// operating system can lose the latest changes.
    #[default]
    Process,
    /// A change also survives a power cut, if the device keeps the data that it reports as written.
    ///
    /// Clause [S4](crate::contract#s4).
    Power,
}

impl Durability {
    const ALL: [Self; 2] = [Self::Process, Self::Power];

    const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Power => "power",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error of parsing a [`Durability`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("durability is process or power")]
pub struct UnknownDurability;

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        Self::ALL.into_iter().find(|durability| durability.name() == text).ok_or(UnknownDurability)
    }
}
