//! Maintenance: lost lookup entries are found and added again.

use rstest::rstest;
use session_store_core::{Finding, Maintenance, SegmentId, SegmentKey, SessionId, Severity, Store};

use crate::shared::{Servers, unique_prefix};

fn check(maintenance: &dyn Maintenance) -> Vec<Finding> {
    let mut findings = Vec::new();
    maintenance.check(&mut |finding| findings.push(finding)).unwrap();
    findings
}

pub(crate) fn repair(maintenance: &dyn Maintenance) -> Vec<Finding> {
    let mut findings = Vec::new();
    maintenance.repair(&mut |finding| findings.push(finding)).unwrap();
    findings
}

#[rstest]
fn lost_lookups_are_found_and_added(#[values(Servers::One, Servers::Cluster)] servers: Servers) {
    let prefix = unique_prefix();
    let store = servers.open(&prefix);
    let (session, kept) = (SessionId::new(), SegmentId::new());
    let mut lost = [SegmentId::new(), SegmentId::new()];
    lost.sort_unstable_by(|a, b| b.cmp(a));
    for segment in [kept, lost[0], lost[1]] {
        store.create_segment(session, segment, &[]).unwrap();
    }
    let maintenance = store.maintenance().unwrap();
    assert_eq!(check(maintenance), []);

    for segment in lost {
        for bucket in 0..=255 {
            let key = format!("{prefix}:{{{bucket:02x}}}:holders:{segment}");
            servers.command(redis::cmd("DEL").arg(key)).unwrap();
        }
        assert_eq!(store.lookup_session_of(segment).unwrap(), None);
    }
    let places = lost.map(|segment| SegmentKey::new(session, segment).to_string());
    for _ in 0..2 {
        let found = check(maintenance);
        assert!(found.iter().all(|f| f.severity == Severity::Fault && f.remedy.is_some()));
        assert_eq!(found.into_iter().map(|finding| finding.place).collect::<Vec<_>>(), places);
    }
    let repaired = repair(maintenance);
    assert_eq!(repaired.into_iter().map(|finding| finding.place).collect::<Vec<_>>(), places);
    assert_eq!((check(maintenance), repair(maintenance)), (Vec::new(), Vec::new()));
    for segment in lost {
        assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    }
}
