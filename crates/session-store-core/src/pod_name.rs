//! `PodName` and `PodFolder`: the name of a pod, and the name of the folder that holds the pod.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::StoreError;

/// The name of a pod (a named agent). A value of this type is always a valid name.
///
/// Clause [P3](crate::contract#p3).
///
/// Names order by their bytes. Two names are equal only if their bytes are equal, so case and
/// Unicode normalization matter.
///
/// ```
/// use session_store_core::PodName;
///
/// assert!("reviewer / 審査".parse::<PodName>().is_err());
/// assert_eq!("審査".parse::<PodName>()?.as_str(), "審査");
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PodName(String);

impl PodName {
    /// The length of the longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 255;

    /// The rule for names as a text, for messages about an invalid name.
    pub const RULE: &'static str = "a pod name has 1 to 255 bytes, is not \".\" or \"..\", and does \
                                    not contain \"/\", \"\\\" or a control character";

    /// Returns the name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the pod's folder in a backup.
    #[must_use]
    pub fn folder(&self) -> PodFolder {
        if is_plain(&self.0) { PodFolder(self.0.clone()) } else { self.hashed_folder() }
    }

    /// Returns the name of a folder that consists of a hash of this name. Every file system permits
    /// such a name.
    #[must_use]
    pub fn hashed_folder(&self) -> PodFolder {
        PodFolder(format!("{HASHED}{}", Uuid::new_v5(&NAMESPACE, self.0.as_bytes())))
    }
}

impl FromStr for PodName {
    type Err = StoreError;

    /// # Errors
    /// [`StoreError::InvalidPodName`] for a name that breaks the [rule](Self::RULE).
    fn from_str(name: &str) -> Result<Self, StoreError> {
        name.to_owned().try_into()
    }
}

impl TryFrom<String> for PodName {
    type Error = StoreError;

    fn try_from(name: String) -> Result<Self, StoreError> {
        let is_invalid = matches!(name.as_str(), "" | "." | "..")
            || name.len() > Self::MAX_BYTES
            || name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
        if is_invalid { Err(StoreError::InvalidPodName(name)) } else { Ok(Self(name)) }
    }
}

impl From<PodName> for String {
    fn from(name: PodName) -> Self {
        name.0
    }
}

impl AsRef<str> for PodName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first character of a folder name that consists of a hash.
const HASHED: char = '~';

/// The namespace of the hashes of pod names (RFC 9562, version 5).
const NAMESPACE: Uuid = Uuid::from_u128(0x2f1c_93a0_5d7e_4c6b_9e84_6a0d_71b3_c258);

/// The length of the longest pod name that is also the name of its folder. With a longer name, the
/// path of a file in the folder would not fit the header of a tar archive.
const MAX_PLAIN_BYTES: usize = 64;

/// The name of the folder that holds a pod in a backup.
///
/// The folder has the name of the pod if every file system permits this name and distinguishes it
/// from all other names. Otherwise the folder's name is `~` followed by a hash of the pod's name,
/// and a file in the folder contains the pod's name.
///
/// The name of the folder is the same for every file system, because a backup can be unpacked on
/// any file system. The file backend reads both kinds of folders, so an unpacked backup is a store.
/// When the file backend itself writes a pod, it only considers its own file system: it uses a
/// folder with the pod's name if this file system permits the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodFolder(String);

impl PodFolder {
    /// Returns the name of the folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the folder is named by a hash. A file in such a folder contains the pod's
    /// name.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        self.0.starts_with(HASHED)
    }

    /// Returns the pod's name if the folder has this name. Returns `None` if the folder is named by
    /// a hash.
    #[must_use]
    pub fn plain_name(&self) -> Option<PodName> {
        self.0.parse().ok().filter(|_| !self.is_hashed())
    }

    /// Returns the folder with this name, or `None` if [`PodName::folder`] never returns such a
    /// folder.
    #[must_use]
    pub fn parse(folder: &str) -> Option<Self> {
        let is_hash =
            |hash: &str| Uuid::try_parse(hash).is_ok_and(|parsed| parsed.to_string() == hash);
        let is_valid = folder.strip_prefix(HASHED).is_some_and(is_hash) || is_plain(folder);
        is_valid.then(|| Self(folder.to_owned()))
    }
}

impl AsRef<str> for PodFolder {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether every file system keeps a folder of this name unchanged. The name must not
/// contain characters whose case is folded, must not be changed by Unicode normalization, must not
/// be reserved, and must not be too long.
fn is_plain(name: &str) -> bool {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or(name);
    let is_port = stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt"));
    let is_portable = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=MAX_PLAIN_BYTES).contains(&name.len())
        && name.bytes().all(is_portable)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !is_port
        && !RESERVED.contains(&stem)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// These names must never change, because the pods of existing stores and backups are in
    /// folders of these names.
    #[rstest]
    #[case("coder", "coder")]
    #[case("a.b-c_9", "a.b-c_9")]
    #[case("Coder", "~7962efe9-98d3-5712-8d09-038a44803da0")]
    #[case("con", "~59207667-2a77-5b4d-96ee-11f14417bd9b")]
    #[case("lpt1.x", "~a93612da-15c1-5d30-9152-16ff5d7fb324")]
    #[case(".hidden", "~6e5ecc40-0483-5c1d-9d46-4721c418667d")]
    fn the_folder_of_a_pod_never_changes(#[case] name: &str, #[case] folder: &str) {
        let found = name.parse::<PodName>().unwrap().folder();
        assert_eq!(found.as_str(), folder);
        assert_eq!(found.plain_name().is_some(), !found.is_hashed());
        assert_eq!(PodFolder::parse(folder), Some(found));
    }

    #[rstest]
    #[case("")]
    #[case("Coder")]
    #[case("~")]
    #[case("~0190A7C2-0000-7000-8000-0000000000FF")]
    #[case(&"x".repeat(65))]
    fn other_folders_are_not_parsed(#[case] folder: &str) {
        assert_eq!(PodFolder::parse(folder), None);
    }
}
