//! The conformance kit of session-store: finds clauses of the contract that a store breaks.
//!
//! The [contract](session_store_core::contract) defines, clause by clause, what a
//! [`Store`](session_store_core::Store) must do. This crate has at least one check for every clause
//! that can be checked from outside. [`CHECKS`] lists them. Each check runs on a fresh storage with
//! several handles and threads. A check that passes found no violation; no kit can prove that a
//! store is correct.
//!
//! For a store that lives in one process the tests are three lines. A harness is a closure that
//! creates a storage, and a storage is a closure that opens handles.
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
//! A harness implements [`Storage`] if its storage can be reopened, damaged or misplaced; more
//! checks can then run. The kit reads the store's optional abilities from its
//! [`capabilities`](session_store_core::Store::capabilities). An operation that is not declared
//! must return `Unsupported` and change nothing. A check that cannot run never counts as passed:
//! list the check, or the requirement that is missing, under `skip` with a reason, and the test is
//! shown as ignored. [`run_all`] runs the same checks outside of a test binary.
//! [`conformance_matrix!`] tests several backends or configurations with rstest, each one as a case
//! of every check.
//!
//! # Where things are
//!
//! - `list.rs` is the list of checks; `checks/` holds their bodies, one module for each area of the
//!   contract. A body gets a `Run`, through which it opens handles.
//! - `requirement.rs` defines what a check can require of a store or of a harness.
//! - `recording.rs` wraps each handle and writes its calls to the call log that a failure prints.
//! - `history.rs` records concurrent calls, and `linearizability/` decides whether they are
//!   correct.
//! - `process/` runs handles in other processes.

mod base_level;
mod call_log;
mod check;
mod check_result;
mod checks;
mod harness;
mod history;
mod linearizability;
mod list;
mod matrix;
#[cfg(feature = "model")]
mod model;
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

pub use check::{Check, Outcome};
pub use harness::{Harness, Storage};
pub use history::{Effect, Event, History, Operation};
pub use linearizability::{NotLinearizable, linearize};
pub use list::{CHECKS, all_checks};
pub use process::{RemoteStore, serve};
pub use random::Random;
pub use report::{Report, run_all, run_with_skips};
pub use requirement::Requirement;
#[doc(hidden)]
pub use suite::{TestHarness, assert_holds, assert_skips_are_needed, served_case, write_report};
