//! Tests of the kit itself: stores that must pass, stores that must be caught, and the macro.

mod calls;
mod gallery;
mod jsonl;
mod legal;
mod suite;
mod twist;
