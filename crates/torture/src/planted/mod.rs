//! Stores with planted bugs. Each bug has lost data in real stores.

mod files;
mod logs;
mod resend;
mod rows;

use std::path::Path;

use clap::ValueEnum;
use session_store::{Store, StoreError};

use files::Files;
use logs::LogStore;
use resend::BlindResend;
use rows::Rows;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flaw {
    /// A small file store without a planted bug, which must survive every fault.
    Control,
    /// Writers take no lock, so a truncation loses an append of another process.
    NoLock,
    /// An append does not remove the incomplete line before it.
    GluedStump,
    /// Each line is written in two writes, without a lock.
    TwoWrites,
    /// A truncation cuts the file in place instead of replacing the file.
    BareTruncate,
    /// A new file is renamed before it is synced.
    UnsyncedRename,
    /// A write that stores only a part of its bytes, as on a full disk, counts as a success.
    ShortWrite,
    /// A failed sync is repeated, and the result of the second sync is returned.
    RetriedSync,
    /// A transaction of SQLite reads before it takes the write lock.
    DeferredTransactions,
    /// SQLite with `synchronous=NORMAL`, although the store declares that changes survive power
    /// cuts.
    NormalAsPowerSafe,
    /// An append to Redis is sent again if its reply is lost.
    BlindResend,
}

/// Returns the address of a store with the bug. The store is at `path`, or at `url` if the bug is
/// in our own SQLite or Redis store.
pub(crate) fn address(flaw: Flaw, path: &Path, url: &str) -> String {
    match flaw {
        Flaw::NormalAsPowerSafe => url.replace("durability=power", "durability=process"),
        Flaw::BlindResend => format!("{}+{url}", name(flaw)),
        _ => format!("{}+{}", name(flaw), path.display()),
    }
}

/// Opens a store with a planted bug. Returns `None` if the address does not name a planted bug.
pub(crate) fn open(address: &str) -> Option<Result<Box<dyn Store>, StoreError>> {
    let (flaw, place) = address.split_once('+')?;
    let flaw = Flaw::from_str(flaw, false).ok()?;
    Some(match flaw {
        Flaw::BlindResend => BlindResend::open(place).map(boxed),
        Flaw::DeferredTransactions => Rows::open(Path::new(place)).map(LogStore).map(boxed),
        flaw => Files::open(Path::new(place), flaw).map(LogStore).map(boxed),
    })
}

fn name(flaw: Flaw) -> String {
    flaw.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn boxed(store: impl Store + 'static) -> Box<dyn Store> {
    Box::new(store)
}
