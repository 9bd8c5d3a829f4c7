//! Tests of imports with several jobs, and of the calls that an import makes to its callbacks.

use std::cell::Cell;
use std::num::NonZeroUsize;

use session_store_core::Store;
use session_store_import::{Event, Import, State};

use crate::logs::Logs;

fn many() -> Logs {
    let logs = Logs::new();
    for n in 0..200 {
        // The content of every third log is invalid, so the log is refused.
        let line = if n % 3 == 0 { "[]\n" } else { "{}\n" };
        logs.put(&format!("{n:03}.jsonl"), format!("{{\"n\":{n}}}\n{line}"));
    }
    logs
}

#[test]
fn reports_are_in_the_order_of_the_files_with_any_number_of_jobs() {
    for jobs in [1, 4] {
        let mut logs = many();
        logs.options.jobs = NonZeroUsize::new(jobs).unwrap();
        let imported = logs.import();
        let paths: Vec<_> = imported.reports.iter().map(|report| &report.path).collect();
        assert_eq!((paths.len(), paths.is_sorted()), (200, true));
        assert_eq!((imported.summary.of(State::Refused), imported.summary.new), (67, 266));
        assert_eq!(logs.stored().len(), 133);
    }
}

#[test]
fn the_store_is_opened_only_for_a_valid_log() {
    let logs = Logs::with(&[("a.jsonl", "[]\n"), ("b.jsonl", "")]);
    let paths = [logs.path("")];
    let mut open = || Err::<&dyn Store, _>("opened");
    let imported = Import::new(&paths, &logs.options).run(&mut open, &mut |_| Ok(()));
    assert_eq!(imported.unwrap().files, 2);
    logs.put("c.jsonl", "{}\n");
    let imported = Import::new(&paths, &logs.options).run(&mut open, &mut |_| Ok(()));
    assert_eq!(imported.unwrap_err(), "opened");
}

#[test]
fn an_error_of_the_observer_stops_the_import() {
    let logs = many();
    let paths = [logs.path("")];
    let seen = Cell::new(0);
    let mut observe = |event: Event<'_>| match event {
        Event::Done(_) => {
            seen.set(seen.get() + 1);
            if seen.get() < 20 { Ok(()) } else { Err("stop") }
        }
        _ => Ok(()),
    };
    let import = Import::new(&paths, &logs.options);
    let stopped = import.run(&mut || Ok(&logs.store as &dyn Store), &mut observe);
    assert_eq!((stopped.unwrap_err(), seen.get()), ("stop", 20));
}

#[test]
fn everything_that_was_read_is_observed() {
    let logs = many();
    let paths = [logs.path("")];
    let mut sum = 0;
    let mut observe = |event: Event<'_>| {
        if let Event::Read { entries, .. } = event {
            sum += entries;
        }
        Ok::<_, ()>(())
    };
    let import = Import::new(&paths, &logs.options);
    let summary = import.run(&mut || Ok(&logs.store as &dyn Store), &mut observe).unwrap();
    assert_eq!((summary.new, sum), (266, 333), "the first entry of a refused log is read too");
}
