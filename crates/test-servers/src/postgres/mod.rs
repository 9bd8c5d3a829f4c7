//! PostgreSQL servers: a single server, a server with a standby, and a pooler.

mod pooler;
mod programs;
mod replicated;
mod server;

pub use pooler::PgBouncer;
pub use replicated::ReplicatedPostgres;
pub use server::PostgresServer;
