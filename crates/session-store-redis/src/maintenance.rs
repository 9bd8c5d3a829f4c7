//! `Maintenance`: the defects of the indexes and the quarantined texts as findings.

use session_store_core::{Finding, Maintenance, SegmentKey, StoreError};

use crate::store::RedisStore;
use crate::{index, quarantine, scan};

impl Maintenance for RedisStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.client.perform("check the keys", |client| {
            scan::keys(client, &mut |keys| {
                index::check(client, &keys, &mut |defect| {
                    report(defect.fault());
                    Ok(())
                })?;
                quarantine::check(client, &keys, report)
            })
        })
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.client.perform("repair the indexes", |client| {
            index::repair(client, &mut |defect| {
                report(defect.repaired());
                Ok(())
            })
        })?;
        self.repair_segments(&|_| true, report)
    }

    fn repair_segments(
        &self,
        is_selected: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        self.client
            .perform("repair the logs", |client| quarantine::repair(client, is_selected, report))
    }
}
