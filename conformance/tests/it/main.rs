//! Tests of the kit itself: stores that must pass, stores that must be caught, and the macro.

mod gallery;
mod legal;
mod suite;
mod twist;
