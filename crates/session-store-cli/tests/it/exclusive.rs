//! Tests of commands on stores that only one handle can have open. The commands must close a handle
//! before they open the store again.

use rstest::rstest;

use crate::program::{Kind, Place, append, run};

#[rstest]
fn commands_open_an_exclusive_store_again(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let [from, to] = ["a", "b"].map(|name| format!("{}?exclusive=true", place.url(kind, name)));
    append(&from, "{\"n\":1}\n{\"n\":2}\n");
    run(["repair", &from]).ok();
    for _ in 0..2 {
        let migrated = run(["migrate", &from, &to]).ok();
        assert!(migrated.contains("read back and equal: 2 entries"), "{migrated}");
    }
    run(["verify", &from, &to]).ok();
    let report = run(["qualify", &from, "--filter", "d1_"]).ok();
    assert!(report.contains(" passed, 0 failed, "), "{report}");
}
