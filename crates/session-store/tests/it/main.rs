//! Every check of the conformance kit over every backend that needs no server. Each check is one
//! test, such as `fs::a1_order_of_one_writer`. The module of a backend lists the requirements that
//! the backend does not meet, with the reasons. The checks that need them are skipped.

mod fs;
mod memory;
mod sqlite;
