//! Tests of the kit itself: stores that must pass, stores that must be caught, and the macro.

mod allowed;
mod call_tracker;
mod gallery;
mod jsonl;
mod suite;
mod variant;
