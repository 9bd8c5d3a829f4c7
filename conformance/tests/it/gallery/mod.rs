//! Deliberately broken stores. Each must fail exactly the checks named for it: one more would be a check
//! that is wrong, one less a check that cannot fail.

mod content;
mod engines;
mod files;
mod listing;
mod pods;
mod writes;

use std::collections::BTreeSet;

use session_store_conformance::{CHECKS, Harness, Outcome};

/// Takes a second for its one entry, so only a store that breaks it runs it.
const SLOW: &str = "e4_sixty_four_mebibytes";

/// Fails unless the checks that catch the store are exactly `expected`.
pub(crate) fn caught_by(store: &str, harness: &dyn Harness, expected: &[&'static str]) {
    let chosen = CHECKS.iter().filter(|check| check.id != SLOW || expected.contains(&SLOW));
    let mut caught = BTreeSet::new();
    for check in chosen {
        if let Outcome::Failed(report) = check.run(harness) {
            println!("{report}\n");
            caught.insert(check.id);
        }
    }
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    let missed: Vec<_> = expected.difference(&caught).collect();
    let unasked: Vec<_> = caught.difference(&expected).collect();
    assert!(
        missed.is_empty() && unasked.is_empty(),
        "missed by {missed:#?}, caught by {unasked:#?}"
    );
    publish(store, &expected);
}

/// Writes who caught the store to a file of its name, where `cargo xtask conformance` asks for that.
fn publish(store: &str, caught: &BTreeSet<&str>) {
    if let Some(folder) = std::env::var_os("SESSION_STORE_KILL_TABLE") {
        let checks: Vec<_> = caught.iter().map(|id| format!("{id}\n")).collect();
        let file = std::path::Path::new(&folder).join(store);
        std::fs::write(file, checks.concat()).expect("the folder of the kill table can be written");
    }
}

/// A broken store: its name, how far its memory reaches, what it replaces, and who must catch it.
macro_rules! broken {
    (
        $(#[$doc:meta])*
        $test:ident in $reach:ident { $($body:tt)* }
        $(state { $($field:ident: $type:ty),* $(,)? })?
        caught by { $($id:ident)* }
    ) => {
        $(#[$doc])*
        #[test]
        #[ignore = "minutes for all, and its races want a quiet machine: cargo xtask conformance --gallery"]
        fn $test() {
            #[derive(Default)]
            struct Broken { $($($field: $type),*)? }

            impl $crate::twist::Twist for Broken { $($body)* }

            let harness = $crate::twist::$reach::<Broken>;
            $crate::gallery::caught_by(stringify!($test), &harness, &[$(stringify!($id)),*]);
        }
    };
}

pub(crate) use broken;
