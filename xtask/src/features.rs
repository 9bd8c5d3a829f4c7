//! `cargo xtask features`: the features of the published crates, in combinations.

use xshell::{Shell, cmd};

use crate::Done;

/// The features of the facade. Each feature must compile alone.
pub(crate) const FACADE: [&str; 12] = [
    "",
    "agent",
    "async",
    "fs",
    "memory",
    "postgres",
    "postgres-tls",
    "redact",
    "redis",
    "redis-tls",
    "sqlite",
    "tracing",
];

/// The features of the other crates with features.
const OTHERS: [(&str, &[&str]); 5] = [
    ("session-store-agent", &["", "async", "redact"]),
    ("session-store-conformance", &["", "model"]),
    ("session-store-migrate", &["", "backup"]),
    ("session-store-postgres", &["", "tls"]),
    ("session-store-redis", &["", "tls"]),
];

/// Compiles every pair of features of the facade, and each feature of the other crates alone. Pairs
/// are enough, because a conflict is nearly always between two features. To compile all sets of
/// features would take a thousand times as long.
pub(crate) fn run(shell: &Shell) -> Done {
    for (index, first) in FACADE.iter().enumerate() {
        for second in &FACADE[index + 1..] {
            check(shell, "session-store", &format!("{first},{second}"))?;
        }
    }
    for (package, features) in OTHERS {
        for feature in features {
            check(shell, package, feature)?;
        }
    }
    Ok(())
}

fn check(shell: &Shell, package: &str, features: &str) -> Done {
    cmd!(
        shell,
        "cargo clippy --package {package} --no-default-features --features={features} -- --deny warnings"
    )
    .run()?;
    Ok(())
}
