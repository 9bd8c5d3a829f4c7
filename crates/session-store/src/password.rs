//! `PasswordOf`: the passwords of a store that can be set apart from its URL.

/// The servers that a password is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordOf {
    /// The servers that hold the data.
    Servers,
    /// The Sentinels that name these servers.
    Sentinels,
}
