//! Every check of the conformance kit over every backend that needs no server:
//! `fs::a1_order_of_one_writer` and so on. The module of a backend lists the checks that it skips,
//! with the reasons.

mod fs;
mod memory;
mod sqlite;
