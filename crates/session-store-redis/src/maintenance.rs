//! `Maintenance`: finding and adding the lookup entries that a failover has lost.
//!
//! Lookup entries are in other slots than the segments. In a Cluster a failover can lose an entry
//! while another node keeps the segment.

use session_store_core::{Finding, Maintenance, SegmentKey, Severity, StoreError};

use crate::lookup;
use crate::store::RedisStore;

impl Maintenance for RedisStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.client.perform("check the lookups", |client| {
            lookup::find_missing(client, &mut |key| {
                let finding = finding(Severity::Fault, key, "the lookup entry is missing");
                report(finding.with_remedy("repair the store, which adds the entry"));
            })
        })
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        self.client.perform("repair the lookups", |client| {
            lookup::add_missing(client, &mut |key| {
                report(finding(Severity::Note, key, "added the missing lookup entry"));
            })
        })
    }
}

fn finding(severity: Severity, key: SegmentKey, cause: &str) -> Finding {
    Finding::new(severity, key.to_string(), cause)
}
