//! Checks of the contract across processes: a process sees the changes of another, and processes
//! write at the same time.

use session_store_core::{Pod, PodName, SessionId, Store};

use super::append::{appends_are_visible, changes_are_visible};
use super::create::counts_appends_of_another;
use super::handles::open_at_once;
use super::head::one_winner;
use super::histories::{TRUNCATE_OR_REPLACE, must_be_linearizable};
use super::pods::{must_be, must_list, pod};
use crate::check_result::{CheckResult, ensure_eq};
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{nth_trace, numbered, numbered_traces};
use crate::test_log::TestLog;

const PROCESSES: usize = 3;

/// Runs the check with a writer in this process and a reader in another process, and then with the
/// reader in this process.
fn in_both_directions(
    run: &Run<'_>,
    check: impl Fn(&RecordingStore, &RecordingStore) -> CheckResult,
) -> CheckResult {
    let (here, there) = (run.open()?, run.open_in(&run.start_process()?)?);
    check(&here, &there)?;
    check(&there, &here)
}

pub(crate) fn a3_other_processes_see_it(run: &Run<'_>) -> CheckResult {
    in_both_directions(run, |writer, reader| {
        appends_are_visible(writer, reader)?;
        changes_are_visible(writer, reader)
    })
}

pub(crate) fn x4_other_processes_see_traces(run: &Run<'_>) -> CheckResult {
    in_both_directions(run, |writer, reader| {
        let log = TestLog::new(writer);
        let seen = log.through(reader);
        seen.must_have_trace(&[], "the trace before its first entry")?;
        for n in 0..5 {
            log.append_trace(&nth_trace(n))?;
            seen.must_have_trace(&numbered_traces(0..n + 1), "a trace of another process")?;
        }
        Ok(())
    })
}

pub(crate) fn p1_other_processes_see_pods(run: &Run<'_>) -> CheckResult {
    in_both_directions(run, |writer, reader| {
        let name: PodName = "reviewer".parse()?;
        let versions = [Pod::new(SessionId::new(), None), pod(r#"{"v":2}"#), pod("{}")];
        for _ in 0..2 {
            must_be(reader, &name, None, "a pod before put_pod of another process")?;
            must_list(reader, &[], "the pods before put_pod of another process")?;
            for version in &versions {
                writer.required_pods().put_pod(&name, version)?;
                must_be(reader, &name, Some(version), "a pod of another process")?;
                must_list(reader, std::slice::from_ref(&name), "the pods of another process")?;
            }
            writer.required_pods().delete_pod(&name)?;
        }
        must_be(reader, &name, None, "a pod that another process has deleted")
    })
}

/// If `exists`, fails unless the reader lists the segment and finds its session. Otherwise fails if
/// the reader lists the segment or finds its session.
fn must_agree(seen: TestLog<'_>, exists: bool, context: &str) -> CheckResult {
    ensure_eq(&seen.lookup()?, &exists.then(|| seen.session_id()), context)?;
    ensure_eq(&seen.is_listed()?, &exists, &format!("{context}: the segment is listed"))?;
    ensure_eq(&seen.exists()?, &exists, &format!("{context}: exists"))
}

pub(crate) fn l5_other_processes_find_it(run: &Run<'_>) -> CheckResult {
    in_both_directions(run, |writer, reader| {
        let (appended, created) = (TestLog::new(writer), TestLog::new(writer));
        for log in [appended, created, appended.sibling()] {
            must_agree(log.through(reader), false, "before another process creates the segment")?;
            if log.key() == created.key() {
                log.create(&[])?;
            } else {
                log.append_all(&numbered(0..2))?;
            }
            must_agree(log.through(reader), true, "after another process created the segment")?;
        }
        appended.namesake().append_all(&numbered(0..1))?;
        appended.truncate(0)?;
        must_agree(appended.through(reader), true, "after changes of another process")
    })
}

pub(crate) fn d1_other_processes_see_deletes(run: &Run<'_>) -> CheckResult {
    in_both_directions(run, |writer, reader| {
        let log = TestLog::new(writer);
        let (sibling, seen) = (log.sibling(), log.through(reader));
        for _ in 0..2 {
            for log in [log, sibling] {
                log.append_all(&numbered(0..3))?;
                must_agree(log.through(reader), true, "before a delete of another process")?;
            }
            ensure_eq(&log.delete()?, &true, "deleting a segment returns true")?;
            must_agree(seen, false, "after a delete of another process")?;
            seen.must_be_absent("after a delete of another process")?;
            must_agree(sibling.through(reader), true, "a segment that was not deleted")?;
            let deleted = writer.delete_session(log.session_id())?;
            ensure_eq(&deleted, &true, "deleting a session returns true")?;
            must_agree(sibling.through(reader), false, "after delete_session of another process")?;
        }
        Ok(())
    })
}

pub(crate) fn a4_one_history_of_processes(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_processes(PROCESSES)?, None)
}

pub(crate) fn t5_one_history_of_cutting_processes(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_processes(PROCESSES)?, Some(TRUNCATE_OR_REPLACE))
}

pub(crate) fn c5_other_processes_are_counted(run: &Run<'_>) -> CheckResult {
    counts_appends_of_another(&run.open()?, &run.open_processes(1)?[0])
}

pub(crate) fn h2_one_process_wins(run: &Run<'_>) -> CheckResult {
    let processes = run.open_processes(PROCESSES)?;
    one_winner(&processes, |log| log.append_all(&numbered(0..2)))?;
    one_winner(&processes, |_| Ok(()))
}

pub(crate) fn s6_processes_open_at_once(run: &Run<'_>) -> CheckResult {
    open_at_once(run, PROCESSES, Run::start_process, Run::open_in)
}
