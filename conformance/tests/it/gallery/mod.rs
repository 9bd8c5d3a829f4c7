//! Deliberately broken stores. Each must fail exactly the checks named for it: one more would be a check that is
//! wrong, one less a check that cannot fail. So each flaw is sure to show in those, however the threads and
//! processes are scheduled, and out of reach of all others.

use std::collections::BTreeSet;
use std::path::Path;

use session_store_conformance::{CHECKS, Harness, Outcome};

/// The rooms, and their sources.
macro_rules! rooms {
    ($($room:ident)*) => {
        $(mod $room;)*

        const SOURCES: &[&str] = &[$(include_str!(concat!(stringify!($room), ".rs"))),*];
    };
}

rooms! {
    appends batches capabilities conditions content counts creates cuts deletes files handles heads listing
    lookups pods reads traces
}

/// What no store can break: entries and names are made by the core.
const HELD_BY_THE_TYPES: [&str; 2] = ["e3_anything_else_is_refused", "p3_bad_names_touch_nothing"];

/// A broken store: its name, what is wrong with it, and who must catch it.
pub(crate) struct Exhibit {
    pub(crate) name: &'static str,
    pub(crate) flaw: &'static str,
    pub(crate) caught_by: &'static [&'static str],
}

impl Exhibit {
    /// Fails unless the checks that catch the store are those named.
    pub(crate) fn must_be_caught(&self, harness: &dyn Harness) {
        let expected: BTreeSet<_> = self.caught_by.iter().copied().collect();
        let mut caught = BTreeSet::new();
        for check in CHECKS {
            if let Outcome::Failed(report) = check.run(harness) {
                println!("{report}\n");
                caught.insert(check.id);
            }
        }
        let missed: Vec<_> = expected.difference(&caught).collect();
        let unasked: Vec<_> = caught.difference(&expected).collect();
        assert!(
            missed.is_empty() && unasked.is_empty(),
            "missed by {missed:#?}, caught by {unasked:#?}"
        );
        self.publish(&expected);
    }

    /// Writes who caught the store to a file of its name, where `cargo xtask conformance` asks for that.
    fn publish(&self, caught_by: &BTreeSet<&str>) {
        if let Some(folder) = std::env::var_os("SESSION_STORE_KILL_TABLE") {
            let told = serde_json::json!({ "flaw": self.flaw, "caught_by": caught_by });
            let file = Path::new(&folder).join(format!("{}.json", self.name));
            std::fs::write(file, told.to_string())
                .expect("the folder of the kill table can be written");
        }
    }
}

/// A broken store: its name, how far its memory reaches, what it replaces, and who must catch it.
macro_rules! broken {
    (
        #[doc = $flaw:literal]
        $test:ident in $reach:ident { $($body:tt)* }
        $(state { $($field:ident: $type:ty),* $(,)? })?
        caught by { $($id:ident)* }
    ) => {
        #[test]
        fn $test() {
            #[derive(Default)]
            struct Broken { $($($field: $type),*)? }

            impl $crate::variant::Variant for Broken { $($body)* }

            let exhibit = $crate::gallery::Exhibit {
                name: stringify!($test),
                flaw: $flaw.trim_ascii(),
                caught_by: &[$(stringify!($id)),*],
            };
            exhibit.must_be_caught(&$crate::variant::$reach::<Broken>);
        }
    };
}

pub(crate) use broken;

#[test]
fn every_check_catches_a_broken_store() {
    let no_word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let named: BTreeSet<_> = SOURCES.iter().flat_map(|source| source.split(no_word)).collect();
    let idle = CHECKS.iter().map(|check| check.id).filter(|id| !named.contains(id));
    assert_eq!(idle.collect::<Vec<_>>(), HELD_BY_THE_TYPES);
}
