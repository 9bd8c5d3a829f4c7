//! `Maintenance`: the defects of the indexes as findings.

use session_store_core::{Finding, Maintenance, StoreError};

use crate::index;
use crate::store::RedisStore;

impl Maintenance for RedisStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.client.perform("check the indexes", |client| {
            index::find(client, &mut |defect| {
                report(defect.fault());
                Ok(())
            })
        })
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.client.perform("repair the indexes", |client| {
            index::repair(client, &mut |defect| {
                report(defect.repaired());
                Ok(())
            })
        })
    }
}
