//! The JSON of `--json` and `--report`: a report of the migrate crate, with the version, the
//! command, the URLs and the times.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

/// The report of a run.
#[derive(Serialize)]
pub(crate) struct RunJson<'a, R> {
    version: &'static str,
    command: &'static str,
    #[serde(flatten)]
    stores: Stores<'a>,
    began: String,
    took_ms: f64,
    #[serde(flatten)]
    report: R,
}

/// The URLs of the two stores, without passwords.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum Stores<'a> {
    Migrated { from: &'a str, to: &'a str },
    Compared { a: &'a str, b: &'a str },
}

impl<'a, R: Serialize> RunJson<'a, R> {
    /// Describes a run that ends now.
    pub(crate) fn new(stores: Stores<'a>, began: SystemTime, report: R) -> Self {
        let took = began.elapsed().unwrap_or_default();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            command: match stores {
                Stores::Migrated { .. } => "migrate",
                Stores::Compared { .. } => "verify",
            },
            stores,
            began: Timestamp::try_from(began).unwrap_or_default().to_string(),
            took_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            report,
        }
    }
}

/// The report of a migration that failed as a whole.
#[derive(Serialize)]
pub(crate) struct FailedJson {
    pub(crate) complete: bool,
    pub(crate) error: String,
}
