//! What an acknowledged change survives: an option of opening a store that others can read too.

use std::fmt;
use std::str::FromStr;

/// What a change that was acknowledged survives, beyond the contract's S3.
///
/// ```
/// use session_store_core::Durability;
///
/// assert_eq!("power".parse(), Ok(Durability::Power));
/// assert_eq!(Durability::default().to_string(), "process");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// The end of the process, however sudden. A power cut, or a crash of the operating system, can take the
    /// latest changes.
    #[default]
    Process,
    /// A power cut too (S4), if the device keeps what it says that it has written.
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

/// The text was neither `process` nor `power`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("durability is process or power")]
pub struct UnknownDurability;

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        Self::ALL.into_iter().find(|durability| durability.name() == text).ok_or(UnknownDurability)
    }
}
