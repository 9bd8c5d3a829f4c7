//! Tests of the kit itself: sound stores must pass, each broken store must be caught by its checks,
//! and a failure has the right text.

mod allowed;
mod call_tracker;
mod gallery;
mod growth;
mod jsonl;
mod matrix;
mod suite;
mod variant;
