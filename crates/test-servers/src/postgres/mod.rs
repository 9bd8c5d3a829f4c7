//! PostgreSQL servers: one process with its children, its programs, and a pooler.

mod pooler;
mod programs;
mod replicated;
mod server;

pub use pooler::PgBouncer;
pub use replicated::ReplicatedPostgres;
pub use server::PostgresServer;
