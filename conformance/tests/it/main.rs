//! Tests of the kit itself: stores that must pass, broken stores that checks must catch, and
//! failures.

mod allowed;
mod call_tracker;
mod gallery;
mod growth;
mod jsonl;
mod matrix;
mod suite;
mod variant;
