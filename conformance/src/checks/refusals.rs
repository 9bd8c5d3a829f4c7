//! Checks of section E of the contract: a call that is refused because an entry is too large
//! changes nothing. A store without atomic batches can keep the entries before the large one.

use session_store_core::{Capability, LogEntry, Store, StoreError};

use super::entries::LARGE;
use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq};
use crate::run::Run;
use crate::sample::{numbered, trace};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::write_while_reading;

/// Returns two small entries, and between them an entry that the store cannot hold.
fn with_a_large_entry() -> Vec<LogEntry> {
    [numbered(7..8), vec![LARGE.clone()], numbered(8..9)].concat()
}

/// Returns whether the store refuses an entry of 64 MiB as too large. If the store accepts the
/// entry, these checks have no entry that is too large, so the clause holds.
fn has_a_limit(store: &dyn Store) -> bool {
    matches!(TestLog::new(store).append(&LARGE), Err(StoreError::TooLarge { .. }))
}

/// Fails unless the result is `TooLarge`. A store without atomic batches can store the entries
/// before the entry that is too large, but must then report their number. Returns that number.
fn must_be_too_large<T: std::fmt::Debug>(
    store: &dyn Store,
    name: &str,
    result: Result<T, StoreError>,
) -> Result<usize, CheckError> {
    let is_atomic = store.capabilities().has(Capability::AtomicBatch);
    match result {
        Err(StoreError::TooLarge { .. }) => Ok(0),
        Err(StoreError::Partial { appended: 1, source })
            if !is_atomic && matches!(*source, StoreError::TooLarge { .. }) =>
        {
            Ok(1)
        }
        other => Err(CheckError::new(format!(
            "append refuses an entry of 64 MiB as too large, but {name} with this entry returned {other:?}"
        ))),
    }
}

pub(crate) fn e4_a_batch_with_a_large_entry(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    if !has_a_limit(&store) {
        return Ok(());
    }
    let (log, new) = (TestLog::with(&store, &numbered(0..2))?, TestLog::new(&store));
    let stored = must_be_too_large(&store, "append_all", log.append_all(&with_a_large_entry()))?;
    let expected = [numbered(0..2), numbered(7..7 + stored)].concat();
    log.must_hold(&expected, "a log after a batch was refused")?;
    let stored = must_be_too_large(&store, "append_all", new.append_all(&with_a_large_entry()))?;
    match stored {
        0 => new.must_be_absent("a segment that a refused batch would have created"),
        _ => new.must_hold(&numbered(7..8), "the entry before the refused one"),
    }?;
    log.append_all(&numbered(9..11))?;
    log.must_hold(&[expected, numbered(9..11)].concat(), "the batch after a refused one")
}

pub(crate) fn e4_a_large_entry_replaces_nothing(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    if !has_a_limit(&store) {
        return Ok(());
    }
    let (log, new) = (TestLog::with(&store, &numbered(0..2))?, TestLog::new(&store));
    let before = Snapshot::of(&store)?;
    for log in [log, new] {
        let result = log.create(&with_a_large_entry());
        let refused = matches!(result, Err(StoreError::TooLarge { .. }));
        ensure!(refused, "create_segment with an entry that is too large returned {result:?}");
    }
    let result = log.append_trace(&trace(LARGE.as_json()));
    let refused = matches!(result, Err(StoreError::TooLarge { .. }));
    ensure!(refused || result.is_ok(), "append_trace of a large entry returned {result:?}");
    new.must_be_absent("a segment that a refused create would have created")?;
    if refused {
        before.must_be_unchanged_in(&other, "the storage after calls were refused")?;
    }
    log.create(&numbered(3..5))?;
    log.must_hold(&numbered(3..5), "a create after a refused one")
}

pub(crate) fn e4_a_condition_with_a_large_entry(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    if !has_a_limit(&store) {
        return Ok(());
    }
    let (log, new) = (TestLog::with(&store, &numbered(0..2))?, TestLog::new(&store));
    let head = log.head()?;
    let stored =
        must_be_too_large(&store, "append_if", log.append_if(head, &with_a_large_entry()))?;
    let expected = [numbered(0..2), numbered(7..7 + stored)].concat();
    log.must_hold(&expected, "a log after append_if was refused")?;
    if stored == 0 {
        ensure_eq(&log.head()?, &head, "the head after append_if was refused")?;
    }
    must_be_too_large(&store, "append_if", new.append_if(None, &with_a_large_entry()))?;
    log.append_if(log.head()?, &numbered(9..10))?;
    log.must_hold(&[expected, numbered(9..10)].concat(), "append_if after a refused one")
}

pub(crate) fn e4_readers_see_nothing_of_it(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    if !has_a_limit(&writer) || !writer.capabilities().has(Capability::AtomicBatch) {
        return Ok(());
    }
    let log = TestLog::with(&writer, &numbered(0..2))?;
    let batch = with_a_large_entry();
    let write = |_| must_be_too_large(&writer, "append_all", log.append_all(&batch)).map(drop);
    write_while_reading(write, || {
        let log = log.through(&reader);
        log.must_count(2, "the count while a batch is refused")?;
        log.must_read(&numbered(0..2), "the log while a batch is refused")?;
        ensure_eq(&log.known_head()?.entries(), &2, "the head while a batch is refused")
    })
}
