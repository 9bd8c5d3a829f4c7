//! Tests of the contract crate through its public interface.

mod entry;
mod error;
mod pod;
mod store;
