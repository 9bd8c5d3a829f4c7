//! Operations whose time must not increase with the length of the log or the number of sessions.

use super::Setup;
use crate::entries;
use crate::plan::Bench;
use crate::sessions::StoresBySize;

pub(super) const ENTRIES: Bench = Bench {
    name: "sqlite/entries",
    about: "operations that must take equally long in logs of 10³ to 10⁶ entries",
    run: |plan| entries::growth(plan, &Setup::new(plan)?.store),
};

pub(super) const SESSIONS: Bench = Bench {
    name: "sqlite/sessions",
    about: "operations that must take equally long with 10² to 10⁵ sessions",
    run: |plan| StoresBySize::new(plan, || Setup::new(plan))?.growth(plan),
};
