//! Handles in other processes: a check starts a process, sends it one call at a time over a pipe,
//! and can kill it.

mod message;
mod remote;
mod serve;

pub use remote::RemoteStore;
pub use serve::serve;

/// The environment variable that is set for a process that a check starts.
const PROCESS: &str = "SESSION_STORE_CONFORMANCE_PROCESS";
