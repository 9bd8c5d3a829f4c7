//! Every check of the conformance kit over every backend: `fs::a1_order_of_one_writer` and so on.
//! What a backend skips is said once, with its reason, in its module.

mod fs;
mod memory;
mod sqlite;
