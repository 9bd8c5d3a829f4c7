//! Tests of the contract crate through its public interface.

mod append_attempt;
mod entry;
mod error;
mod pod;
mod store;
