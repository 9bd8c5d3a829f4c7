//! The conformance kit of session-store: checks that find violations of the contract in a store.
//!
//! The [contract](session_store_core::contract) defines the behavior of every
//! [`Store`](session_store_core::Store) in numbered clauses. This crate has at least one check for
//! every clause that can be checked from outside of a store. [`CHECKS`] lists them. Each check runs
//! on a fresh storage with several handles and threads. A check that passes has found no violation.
//! No kit can prove that a store is correct.
//!
//! For a store in one process, three lines define all tests. A harness is a closure that creates a
//! storage. A storage is a closure that opens handles.
//!
//! ```
//! mod conformance {
//! #   use session_store_memory::MemoryStore as MyStore;
//!     session_store_conformance::conformance_tests! {
//!         harness: || { let store = MyStore::new(); move || store.clone() },
//!     }
//! }
//! ```
//!
//! If a storage can be reopened or damaged, implement [`Storage`], so that more checks can run. The
//! kit reads the store's optional abilities from its
//! [`capabilities`](session_store_core::Store::capabilities). An undeclared operation must return
//! `Unsupported` and change nothing. A check that cannot run never counts as passed. List the
//! check, or the missing requirement, under `skip` with a reason. The test is then shown as
//! ignored. [`run_all`] runs the same checks outside of a test binary. [`conformance_matrix!`]
//! tests several backends or configurations with rstest. Each backend or configuration is a case of
//! every check.
//!
//! # Where things are
//!
//! - `list.rs` is the list of checks. `checks/` has the bodies of the checks, one module for each
//!   area of the contract. A body opens handles through its `Run`.
//! - `requirement.rs` defines the requirements of checks for a store or a harness.
//! - `recording.rs` wraps each handle and writes its calls to the call log. A failure prints the
//!   call log.
//! - `history.rs` records concurrent calls, and `linearizability/` decides whether they are
//!   correct.
//! - `process.rs` starts handles in other processes.

mod all_checks;
mod call_log;
mod check;
mod check_result;
mod checks;
mod environment;
mod growth;
mod harness;
mod history;
mod linearizability;
mod list;
mod matrix;
#[cfg(feature = "model")]
mod model;
mod panics;
mod process;
mod random;
mod recording;
mod report;
mod requirement;
mod run;
mod sample;
mod snapshot;
mod suite;
mod test_log;
mod threads;
mod unsupported;

pub use all_checks::{CHECKS, all_checks};
pub use check::{Check, Outcome};
#[doc(hidden)]
pub use environment::repetitions;
pub use growth::{Cost, Growth};
pub use harness::{Harness, Storage};
pub use history::{Effect, Event, History, Operation};
pub use linearizability::{NotLinearizable, linearize};
pub use process::{serve, start_process};
pub use random::Random;
pub use report::{Report, run_all, run_with_skips};
pub use requirement::Requirement;
pub use session_store_protocol::RemoteStore;
#[doc(hidden)]
pub use suite::{TestHarness, assert_holds, assert_skips_are_needed, served_case, write_report};
