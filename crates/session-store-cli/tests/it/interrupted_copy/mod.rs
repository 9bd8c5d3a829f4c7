//! Tests that interrupt a copy by a kill, a full disk or a lost server, and then run the command
//! again. The second run must complete the copy and store no entry twice. Another test follows a
//! source that changes all the time.
//!
//! By default, the copy is killed three times for each pair of backends. The environment variable
//! `KILLS` sets another number, for example `KILLS=40` for a long run.

mod contents;
mod disk_full;
mod follow;
mod killed;
#[cfg(target_os = "linux")]
mod new_file;
mod running;
mod server_lost;

use crate::program::Ended;

/// Asserts that a run succeeded. Standard error is not checked, because it can contain warnings
/// about the settings of a server.
#[track_caller]
fn assert_done(ended: &Ended) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
}
