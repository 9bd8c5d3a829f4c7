//! The guides in `docs/guides` as documentation, so that the tests run their examples.

/// Includes each guide as the documentation of a module.
macro_rules! guides {
    ($($module:ident: $file:literal),* $(,)?) => { $(
        #[doc = include_str!(concat!("../../../docs/guides/", $file))]
        mod $module {}
    )* };
}

guides! {
    backends: "backends.md",
    backup: "backup.md",
    durability: "durability.md",
    first_agent: "first-agent.md",
    formats: "formats.md",
    own_backend: "own-backend.md",
    redis: "redis.md",
    repair: "repair.md",
    several_writers: "several-writers.md",
}
