//! Adapters that run test suites of other projects over each backend. `cargo xtask judges` runs
//! them.

use std::thread;
use std::time::Duration;

mod bugs;
mod event_store;
mod rig_store;
mod storage;

pub use event_store::Events;
pub use rig_store::Files;
pub use storage::{Backend, Storage};

/// Waits between reading the log and `append_if`. Without a pause, the threads of a suite rarely
/// overlap there, and the suite does not notice a store that ignores the expected head.
fn pause() {
    thread::sleep(Duration::from_micros(200));
}

/// Defines a module for each backend with a test that calls a function of the file with the
/// backend. The modules have the same names in every suite, so a filter selects a backend.
#[macro_export]
macro_rules! backends {
    ($check:ident) => {
        $crate::backends! {
            $check; memory: Memory, fs: Fs, sqlite: Sqlite, redis: Redis, postgres: Postgres
        }
    };
    ($check:ident; $($name:ident: $backend:ident),*) => { $(
        mod $name {
            #[test]
            fn $check() {
                super::$check($crate::Backend::$backend);
            }
        }
    )* };
}
