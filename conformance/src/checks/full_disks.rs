//! Checks of the contract on a full disk. The checks simulate a full disk with a process that
//! cannot write files past a size limit. Its writes fail as writes to a full disk do.

use std::slice;

use session_store_core::{Capability, LogEntry, PodName, Store, StoreError};

use super::histories::check_history;
use super::pods::{must_be, must_list, pod};
use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq};
use crate::history::{Effect, History, ObservedLog};
use crate::run::Run;
use crate::sample::{nth, numbered, numbered_traces, odd_padding, signed, trace};
use crate::test_log::TestLog;

/// The longest file that the process can write.
const LIMIT_KIB: usize = 512;

/// Returns an entry that no file of the process can hold.
fn large() -> LogEntry {
    signed(0, 0, 2 * LIMIT_KIB * 1024)
}

fn keeps_to_no_limit(change: &str) -> CheckError {
    CheckError::cannot_run(format!("{change} does not keep to a file limit of {LIMIT_KIB} KiB"))
}

pub(crate) fn a5_a_full_disk_changes_nothing(run: &Run<'_>) -> CheckResult {
    let (store, process) = (run.open()?, run.start_process_with_file_limit(LIMIT_KIB)?);
    let has_many_processes = store.capabilities().has(Capability::MultiProcess);
    // A store without `multi_process` must not be open in two processes, so drop its first handle.
    let unlimited = has_many_processes.then_some(store);
    let limited = run.open_in(&process)?;
    let (history, log) = (History::default(), TestLog::new(&limited));
    let key = log.key();
    let writer = ObservedLog::new(log, &history);
    let mut refused = 0;
    for n in 0..400 {
        // Large entries fail first. Then append small entries, until these fail too.
        let padding = if refused < 3 { odd_padding(n) % 20_011 } else { n % 300 };
        refused += usize::from(writer.append(&signed(0, n, padding)) != Effect::Applied);
        if refused == 6 {
            break;
        }
    }
    writer.read()?;
    let unlimited = match unlimited {
        Some(store) => store,
        None => {
            drop(limited);
            process.kill();
            run.open()?
        }
    };
    let after = ObservedLog::new(TestLog::at(&unlimited, key), &history);
    for n in 400..403 {
        let effect = after.append(&signed(0, n, odd_padding(n) % 20_011));
        ensure!(effect == Effect::Applied, "an append failed although the disk has room");
        after.read()?;
    }
    after.count()?;
    check_history(&history)?;
    if refused == 0 {
        return Err(keeps_to_no_limit("the store"));
    }
    Ok(())
}

/// A change that needs more space than the disk has.
struct FailingChange<'a> {
    name: &'static str,
    /// The log that has the large entry at its end if the change succeeds.
    log: Option<TestLog<'a>>,
    call: &'a dyn Fn() -> Result<(), StoreError>,
}

/// Makes changes to a log of the entries 0 to 2. Each change must fail. After each failed change,
/// an append must succeed. A failed change must change nothing, except that a batch can store its
/// first entry, number 7.
fn must_go_on(log: TestLog<'_>, changes: &[FailingChange<'_>]) -> CheckResult {
    let mut expected = numbered(0..3);
    for (n, FailingChange { name, log: changed, call }) in (3..).zip(changes) {
        match call() {
            Ok(()) => {
                let last = changed.map(|log| log.read_all()).transpose()?;
                let last = last.map(|entries| entries.last().cloned());
                ensure!(
                    last.is_none_or(|last| last == Some(large())),
                    "{name} was acknowledged, but its last entry is not stored"
                );
                return Err(keeps_to_no_limit(name));
            }
            Err(StoreError::Partial { appended, .. }) => {
                ensure!(appended == 1, "{name} reports {appended} stored entries instead of 1");
                expected.push(nth(7));
            }
            Err(_) => {}
        }
        log.must_read(&expected, &format!("the log after {name} failed"))?;
        log.append(&nth(n))?;
        expected.push(nth(n));
        log.must_hold(&expected, &format!("the log after {name} failed and an append succeeded"))?;
    }
    Ok(())
}

pub(crate) fn a5_a_handle_goes_on_after_a_full_disk(run: &Run<'_>) -> CheckResult {
    let process = run.start_process_with_file_limit(LIMIT_KIB)?;
    let store = run.open_in(&process)?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let (large, sibling) = (large(), log.sibling());
    let batch = [numbered(7..8), vec![large.clone()]].concat();
    must_go_on(
        log,
        &[
            FailingChange { name: "append", log: Some(log), call: &|| log.append(&large) },
            FailingChange { name: "append_all", log: Some(log), call: &|| log.append_all(&batch) },
            FailingChange { name: "create_segment", log: Some(log), call: &|| log.create(&batch) },
            FailingChange {
                name: "append_trace",
                log: None,
                call: &|| log.append_trace(&trace(large.as_json())),
            },
            FailingChange {
                name: "create_segment of another segment",
                log: Some(sibling),
                call: &|| sibling.create(&batch),
            },
        ],
    )?;
    sibling.must_be_absent("a segment that was not created on a full disk")
}

pub(crate) fn a5_conditions_on_a_full_disk(run: &Run<'_>) -> CheckResult {
    let process = run.start_process_with_file_limit(LIMIT_KIB)?;
    let store = run.open_in(&process)?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let (large, sibling) = (large(), log.sibling());
    let batch = [numbered(7..8), vec![large.clone()]].concat();
    let append_if =
        |entries: &[LogEntry]| log.append_if(Some(log.known_head()?), entries).map(drop);
    must_go_on(
        log,
        &[
            FailingChange {
                name: "append_if",
                log: Some(log),
                call: &|| append_if(slice::from_ref(&large)),
            },
            FailingChange {
                name: "append_if with a batch",
                log: Some(log),
                call: &|| append_if(&batch),
            },
            FailingChange {
                name: "append_if of another segment",
                log: Some(sibling),
                call: &|| sibling.append_if(None, slice::from_ref(&large)).map(drop),
            },
        ],
    )?;
    sibling.must_be_absent("a segment that was not created on a full disk")?;
    let expected = [log.read_all()?, numbered(8..10)].concat();
    let head = log.append_if(log.head()?, &numbered(8..10))?;
    log.must_hold(&expected, "the log after earlier changes failed and append_if succeeded")?;
    ensure_eq(&log.head()?, &Some(head), "the head that append_if returned")
}

pub(crate) fn a5_pods_on_a_full_disk(run: &Run<'_>) -> CheckResult {
    let process = run.start_process_with_file_limit(LIMIT_KIB)?;
    let store = run.open_in(&process)?;
    let pods = store.required_pods();
    let (name, absent): (PodName, PodName) = ("reviewer".parse()?, "writer".parse()?);
    let large = pod(large().as_json());
    let mut kept = pod(r#"{"v":0}"#);
    pods.put_pod(&name, &kept)?;
    for round in 1..4 {
        for name in [&name, &absent] {
            if pods.put_pod(name, &large).is_ok() {
                must_be(&store, name, Some(&large), "a pod after put_pod")?;
                return Err(keeps_to_no_limit("put_pod"));
            }
        }
        must_be(&store, &name, Some(&kept), "a pod after put_pod failed")?;
        must_be(&store, &absent, None, "a new pod after put_pod failed")?;
        must_list(&store, slice::from_ref(&name), "the pods after put_pod failed")?;
        kept = pod(format!(r#"{{"v":{round}}}"#));
        pods.put_pod(&name, &kept)?;
        must_be(
            &store,
            &name,
            Some(&kept),
            "a pod after earlier calls failed and put_pod succeeded",
        )?;
    }
    ensure_eq(&pods.delete_pod(&name)?, &true, "deleting a pod after put_pod failed")?;
    must_list(&store, &[], "the pods after the delete")
}

pub(crate) fn a5_deletes_on_a_full_disk(run: &Run<'_>) -> CheckResult {
    let has_traces = run.open()?.capabilities().has(Capability::ReadTraces);
    let process = run.start_process_with_file_limit(LIMIT_KIB)?;
    let limited = run.open_in(&process)?;
    let (full, other) = (TestLog::new(&limited), TestLog::new(&limited));
    let mut contents = [Vec::new(), vec![signed(1, 0, 65_521)]];
    other.append_all(&contents[1])?;
    for log in [full, other] {
        log.append_traces(&numbered_traces(0..2))?;
    }
    // Large entries fail first. Then append small entries, until these fail too.
    for padding in [40_961, 257, 1] {
        for n in 0..200 {
            let entry = signed(0, n, padding);
            if full.append(&entry).is_err() {
                break;
            }
            contents[0].push(entry);
        }
    }
    let keys = [full.key(), other.key()];
    let deleted = [full, other].map(|log| log.delete().is_ok());
    process.kill();
    drop(limited);
    let store = run.open()?;
    for ((key, entries), is_deleted) in keys.into_iter().zip(&contents).zip(deleted) {
        let log = TestLog::at(&store, key);
        if !is_deleted {
            log.must_hold(entries, "a segment whose delete failed on a full disk")?;
            if has_traces {
                log.must_have_trace(&numbered_traces(0..2), "the trace of that segment")?;
            }
            ensure_eq(&log.delete()?, &true, "deleting it when the disk has room")?;
        }
        log.must_be_absent("a segment that was deleted on a full disk")?;
        if has_traces {
            log.must_have_trace(&[], "the trace of a deleted segment")?;
        }
    }
    Ok(())
}
