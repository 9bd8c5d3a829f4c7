//! Includes the guides of `docs/guides` and the READMEs of the crates as documentation comments,
//! so that `cargo test` runs their examples.

/// Includes each page as the documentation of a module. The paths are relative to the repository.
macro_rules! pages {
    ($($module:ident: $file:literal),* $(,)?) => { $(
        #[doc = include_str!(concat!("../../../", $file))]
        mod $module {}
    )* };
}

pages! {
    backends: "docs/guides/backends.md",
    backup: "docs/guides/backup.md",
    durability: "docs/guides/durability.md",
    first_agent: "docs/guides/first-agent.md",
    formats: "docs/guides/formats.md",
    own_backend: "docs/guides/own-backend.md",
    postgres: "docs/guides/postgres.md",
    redis: "docs/guides/redis.md",
    repair: "docs/guides/repair.md",
    several_writers: "docs/guides/several-writers.md",
}

pages! {
    readme_of_agent: "crates/session-store-agent/README.md",
    readme_of_core: "crates/session-store-core/README.md",
    readme_of_fs: "crates/session-store-fs/README.md",
    readme_of_import: "crates/session-store-import/README.md",
    readme_of_memory: "crates/session-store-memory/README.md",
    readme_of_migrate: "crates/session-store-migrate/README.md",
    readme_of_postgres: "crates/session-store-postgres/README.md",
    readme_of_protocol: "crates/session-store-protocol/README.md",
    readme_of_redis: "crates/session-store-redis/README.md",
    readme_of_sqlite: "crates/session-store-sqlite/README.md",
}
