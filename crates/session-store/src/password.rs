//! `PasswordOf`: names a password of a store. Such a password can be set separately from the
//! store's URL.

/// The servers for which a password is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordOf {
    /// The servers that hold the data.
    Servers,
    /// The Sentinels, which report the address of the current master.
    Sentinels,
}
