//! Broken stores whose checks and repairs change data, or find faults in a sound storage. `broken!`
//! defines a store and its test: each check under `caught by` must fail.

use session_store_core::{Finding, ListOptions, Severity, Store, StoreExt};

use super::broken;
use crate::variant::Result;

broken! {
    /// A check reports a fault in a sound storage.
    checking_finds_faults in shared {
        fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
            report(Finding::new(Severity::Fault, "the storage", "a segment is empty"));
            Ok(())
        }
    }
    caught by { m1_a_sound_store_has_no_fault }
}

broken! {
    /// A check of the storage deletes empty segments.
    checking_repairs in shared {
        fn check(&self, _: &mut dyn FnMut(Finding)) -> Result<()> {
            for (key, info) in self.inner.list_infos(&ListOptions::new())? {
                if info.head.entries() == 0 {
                    self.inner.at(key).delete()?;
                }
            }
            Ok(())
        }
    }
    caught by { m1_checking_changes_nothing }
}

broken! {
    /// A repair rewrites every log, so a sound log gets a new head.
    repairing_rewrites in shared {
        fn repair(&self, _: &mut dyn FnMut(Finding)) -> Result<()> {
            for (key, _) in self.inner.list_infos(&ListOptions::new())? {
                let log = self.inner.at(key);
                log.create(&log.read_all()?)?;
            }
            Ok(())
        }
    }
    caught by { m2_repairing_changes_nothing_sound }
}
