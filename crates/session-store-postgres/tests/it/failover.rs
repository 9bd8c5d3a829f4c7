//! Tests of failovers, in which a standby takes over from a lost primary.
//!
//! A standby that is not synchronous can lack acknowledged changes. A writer that appends
//! conditionally then gets a conflict, and no entry is stored twice or after a gap.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rstest::rstest;
use session_store_core::{Store, StoreExt};
use session_store_postgres::{PostgresOptions, PostgresStore};
use test_deadlines::{RaiseAtEnd, wait_until};
use test_servers::ReplicatedPostgres;

use crate::shared::{entries, entry, new_key};

const WRITERS: usize = 4;

fn open(group: &ReplicatedPostgres) -> PostgresStore {
    let options = PostgresOptions::new().response_timeout(Duration::from_secs(2)).create(true);
    options.retry_for(Duration::from_secs(60)).open(&group.url()).unwrap()
}

#[test]
fn a_writer_gets_a_conflict_after_its_entry_was_lost() {
    let mut group = ReplicatedPostgres::start(false);
    let (store, key) = (open(&group), new_key());
    let log = store.at(key);
    let first = log.append_if(None, &[entry(0)]).unwrap();
    store.sync().unwrap();
    group.wait_until_in_step();
    group.cut();
    let lost = log.append_if(Some(first), &[entry(1)]).unwrap();
    group.promote();

    let append = || log.append_if(Some(lost), &[entry(2)]);
    let error = append().unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(log.head().unwrap(), Some(first));
    let error = store.sync().unwrap_err();
    assert!(error.is_indeterminate(), "{error:?}");

    // The log has the same number of entries again, but another last entry.
    log.append(&entry(3)).unwrap();
    let error = append().unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(log.read_all().unwrap(), [entry(0), entry(3)]);
}

#[rstest]
#[case::asynchronous(false)]
#[case::synchronous(true)]
fn a_failover_under_writers_leaves_no_gap_and_no_duplicate(#[case] is_synchronous: bool) {
    let mut group = ReplicatedPostgres::start(is_synchronous);
    let store = open(&group);
    let (counts, over) = (<[AtomicUsize; WRITERS]>::default(), AtomicBool::new(false));
    let wait_for_more = |more| {
        let now = || counts.iter().map(|count| count.load(Ordering::SeqCst));
        let enough: Vec<_> = now().map(|count| count + more).collect();
        wait_until("each writer to append", || now().zip(&enough).all(|(now, &n)| now >= n));
    };
    let conflicts: usize = thread::scope(|scope| {
        let raised = RaiseAtEnd(&over);
        let write = |count| write_until(&over, &store, count);
        let writers: Vec<_> =
            counts.iter().map(|count| scope.spawn(move || write(count))).collect();
        wait_for_more(50);
        group.promote();
        wait_for_more(50);
        drop(raised);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    println!("synchronous: {is_synchronous}, conflicts: {conflicts}, appends: {counts:?}");
    assert!(conflicts == 0 || !is_synchronous);
    store.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
}

/// Appends to a new log until `over` is set. No other writer uses the log, so a conflict means that
/// the failover has lost entries. The remaining entries must be a prefix of the acknowledged
/// entries. Returns the number of conflicts.
fn write_until(over: &AtomicBool, store: &PostgresStore, acknowledged: &AtomicUsize) -> usize {
    let log = store.at(new_key());
    let (mut head, mut written, mut conflicts) = (None, 0, 0);
    while !over.load(Ordering::SeqCst) {
        match log.append_if(head, &[entry(written)]) {
            Ok(next) => {
                (head, written) = (Some(next), written + 1);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                assert!(error.is_conflict(), "{error:?}");
                conflicts += 1;
                head = log.head().unwrap();
                let remaining = head.map_or(0, |head| head.entries());
                assert!(remaining < written, "{remaining} of {written}");
                written = remaining;
            }
        }
        assert_eq!(head.map_or(0, |head| head.entries()), written);
    }
    assert_eq!(log.read_all().unwrap(), entries(written));
    conflicts
}
