//! PostgreSQL servers: one process with its children, its programs, and a pooler.

mod pooler;
mod programs;
mod server;

pub use pooler::PgBouncer;
pub use server::PostgresServer;
