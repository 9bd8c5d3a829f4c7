//! Tests of a process that is killed during a deletion.

use std::process::Command;

use session_store_core::{Store, TraceEntry};
use session_store_fs::FsStore;
use test_deadlines::{Process, child_job, child_test_under};

use crate::Fixture;

/// The number of files that a deletion deletes: log, trace, epoch and hint.
const FILES: usize = 4;

#[test]
#[ignore = "run by torture_a_killed_deletion_never_leaves_a_trace_without_a_log"]
fn child_that_deletes_a_segment() {
    let job = child_job();
    let parts: Vec<_> = job.split(' ').collect();
    let [root, session, segment] = parts[..] else { panic!("{job}") };
    let store = FsStore::open(root).unwrap();
    store.delete_segment(session.parse().unwrap(), segment.parse().unwrap()).unwrap();
}

#[test]
#[ignore = "needs strace: cargo xtask torture"]
fn torture_a_killed_deletion_never_leaves_a_trace_without_a_log() {
    for nth in 1..=FILES {
        let fixture = Fixture::new();
        let (session, segment) = (fixture.session, fixture.segment);
        let store = fixture.open();
        fixture.append(&store, "{}");
        store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();

        let mut strace = Command::new("strace");
        strace.args(["-f", "-qqq", "-o"]).arg(fixture.path("calls"));
        strace.arg("--trace=unlink,unlinkat");
        strace.arg(format!("--inject=unlink,unlinkat:signal=KILL:when={nth}"));
        let job = format!("{} {session} {segment}", fixture.folder.path().display());
        let child = "delete::child_that_deletes_a_segment";
        let output = Process::output(&mut child_test_under(strace, child, job));
        assert!(!output.status.success(), "the child was not killed at the {nth}th file");

        let has_trace = !store.read_trace_page(session, segment, 0, 9).unwrap().entries.is_empty();
        let has_log = store.exists(session, segment).unwrap();
        assert!(has_log || !has_trace, "a trace alone after the {nth}th file");
        store.delete_segment(session, segment).unwrap();
        assert!(!store.exists(session, segment).unwrap());
    }
}
