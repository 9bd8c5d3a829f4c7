//! The conformance kit of session-store: finds where a store breaks the contract, yours too.
//!
//! The [contract](session_store_core::contract) says, clause by clause, what a [`Store`](session_store_core::Store) must do. This crate has at
//! least one check for every clause that can be checked from outside, [`CHECKS`] names them all, and each is
//! run on a fresh storage with several handles and threads. A store that passes was not caught; no kit can
//! prove that it is right.
//!
//! For a store that lives in one process the tests are three lines: a harness is a closure that makes a
//! storage, and a storage is a closure that opens handles.
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
//! A store that can be reopened, damaged or misplaced says so by implementing [`Storage`]; more checks can
//! then run. What a store can do beyond the base level the kit learns from its
//! [`capabilities`](session_store_core::Store::capabilities): an operation that is not declared must answer
//! `Unsupported` and change nothing. A check that can't run is never a pass: it, or what it needs and you
//! lack, must be listed under `skip` with a reason, and it shows as ignored. [`run_all`] does the same outside of a test binary.
//!
//! # Where things are
//!
//! `list.rs` is the list of checks, `checks/` their bodies, a module for each letter of the contract. A body
//! gets a `Run`: it opens handles there, and each handle writes its calls to the trail that a failure
//! prints.

mod check;
mod checks;
mod failure;
mod harness;
mod history;
mod linear;
mod list;
mod log;
mod message;
#[cfg(feature = "model")]
mod model;
mod need;
mod provided;
mod random;
mod recorded;
mod remote;
mod report;
mod run;
mod sample;
mod serve;
mod snapshot;
mod suite;
mod threads;
mod trail;
mod unsupported;

pub use check::{Check, Outcome};
pub use harness::{Harness, Storage};
pub use list::CHECKS;
#[cfg(feature = "model")]
pub use model::{SEQUENCES, agrees_with_the_model};
pub use need::Need;
pub use report::{Report, run_all};
pub use serve::serve;
#[doc(hidden)]
pub use suite::{InTests, assert_holds, assert_skips_are_needed, write_report};
