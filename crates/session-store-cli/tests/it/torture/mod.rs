//! Copies that are interrupted by a kill, a full disk or a lost server. When they are started
//! again, the copy is complete, and no entry is stored twice. Also a copy that follows a busy
//! source.
//!
//! Ordinary runs kill each pair of backends three times. `KILLS=40` is the long run.

mod backends;
mod contents;
mod disk_full;
mod follow;
mod killed;
mod running;
mod server_lost;

use crate::program::Ended;

/// Asserts that a run succeeded. It can have printed warnings of a server.
#[track_caller]
fn assert_done(ended: &Ended) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
}
