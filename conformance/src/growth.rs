//! The costs that must not grow with the length of a log ([C6](session_store_core::contract#c6),
//! [R6](session_store_core::contract#r6)).

use std::fmt;
use std::time::{Duration, Instant};

use session_store_core::{LogEntry, SegmentId, SegmentRef, SessionId, Store, StoreError, StoreExt};

use crate::{Harness, Storage};

/// The numbers of entries of the short and of the long log.
const ENTRIES: [usize; 2] = [1_000, 100_000];

/// The largest ratio at which two costs count as equal. A busy machine can triple a median. A count
/// that reads the log takes 100 times as long in the long log. A store that reads the log from the
/// start for each page takes more than 30 times as long for an entry.
const LIMIT: f64 = 10.0;

/// The number of measurements of each log. The logs take turns.
const ROUNDS: usize = 15;

/// The number of counts in a measurement.
const COUNTS: usize = 50;

/// The size of a page.
const PAGE_BYTES: usize = 64 * 1024;

/// A cost that must not grow with the length of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The time of one `read_entry_count` on a handle that has counted the log before.
    ///
    /// Clause [C6](session_store_core::contract#c6).
    Count,
    /// The time to read the whole log in pages of 64 KiB, divided by the number of entries.
    ///
    /// Clause [R6](session_store_core::contract#r6).
    Pages,
}

/// The medians of a cost for a log of 1,000 and for a log of 100,000 entries.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Growth {
    cost: Cost,
    short: Duration,
    long: Duration,
}

impl Growth {
    /// Fills two logs of one storage and measures the cost. The measurement takes seconds.
    ///
    /// # Panics
    /// If a call of the store fails.
    pub fn measure(harness: &dyn Harness, cost: Cost) -> Self {
        let storage = harness.fresh();
        let growth = Self::measure_on(&*storage, cost);
        growth.unwrap_or_else(|error| panic!("{cost}: a call of the store failed: {error}"))
    }

    fn measure_on(storage: &dyn Storage, cost: Cost) -> Result<Self, StoreError> {
        let store = storage.open()?;
        let ids = ENTRIES.map(|_| (SessionId::new(), SegmentId::new()));
        let logs = ids.map(|(session, segment)| store.segment(session, segment));
        for (log, entries) in logs.iter().zip(ENTRIES) {
            fill(log, entries)?;
        }
        let mut times = [const { Vec::new() }; 2];
        // The first round fills caches and is not measured.
        for round in 0..=ROUNDS {
            for (log, times) in logs.iter().zip(&mut times) {
                let time = cost.time(log)?;
                if round > 0 {
                    times.push(time);
                }
            }
        }
        let [short, long] = times.map(median);
        Ok(Self { cost, short, long })
    }

    /// Returns the cost for the long log, divided by the cost for the short log.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.long.as_secs_f64() / self.short.as_secs_f64()
    }

    /// Fails a test if the cost for the long log is more than 10 times the cost for the short log.
    ///
    /// # Panics
    /// With the clause and both costs.
    #[track_caller]
    pub fn assert_flat(&self) {
        assert!(self.ratio() <= LIMIT, "{self}; the limit is {LIMIT} times");
        println!("{self}");
    }
}

impl Cost {
    /// Measures the cost once: the time of one count, or of one entry.
    fn time(self, log: &SegmentRef<'_, Box<dyn Store>>) -> Result<Duration, StoreError> {
        let start = Instant::now();
        let parts = match self {
            Self::Count => {
                for _ in 0..COUNTS {
                    log.read_entry_count()?;
                }
                COUNTS
            }
            Self::Pages => read_by_pages(log)?,
        };
        Ok(start.elapsed() / u32::try_from(parts).expect("a log here has at most 100,000 entries"))
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "C6: counting",
            Self::Pages => "R6: reading by pages, for each entry,",
        })
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self { cost, short, long }, [few, many]) = (self, ENTRIES);
        let ratio = self.ratio();
        write!(
            f,
            "{cost} takes {long:.1?} in a log of {many} entries, and {short:.1?} in a log of "
        )?;
        write!(f, "{few}: {ratio:.1} times as long")
    }
}

fn fill(log: &SegmentRef<'_, Box<dyn Store>>, entries: usize) -> Result<(), StoreError> {
    let text = format!(r#"{{"text":"{}"}}"#, "x".repeat(100));
    let batch = vec![LogEntry::from_json(text)?; ENTRIES[0]];
    (0..entries / batch.len()).try_for_each(|_| log.append_all(&batch))
}

/// Returns the number of entries that were read.
fn read_by_pages(log: &SegmentRef<'_, Box<dyn Store>>) -> Result<usize, StoreError> {
    let mut read = 0;
    loop {
        let page = log.read_page(read, PAGE_BYTES)?;
        if page.entries.is_empty() {
            return Ok(read);
        }
        read += page.entries.len();
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Defines two tests of costs that must not grow with a log.
///
/// Counting must not take longer in a long log ([C6](session_store_core::contract#c6)), and pages in
/// sequence must read the log only once ([R6](session_store_core::contract#r6)).
///
/// The tests measure times. They are ignored by default, because other tests that run at the same
/// time disturb them. Run them alone: `cargo test --release -- --ignored growth
/// --test-threads 1`.
///
/// ```
/// mod growth {
/// #   use session_store_memory::MemoryStore as MyStore;
///     session_store_conformance::conformance_growth! {
///         harness: || { let store = MyStore::new(); move || store.clone() },
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_growth {
    (harness: $harness:expr $(,)?) => {
        #[test]
        #[ignore = "measures times: cargo test --release -- --ignored growth --test-threads 1"]
        fn growth_of_counts() {
            $crate::Growth::measure(&$harness, $crate::Cost::Count).assert_flat();
        }

        #[test]
        #[ignore = "measures times: cargo test --release -- --ignored growth --test-threads 1"]
        fn growth_of_pages() {
            $crate::Growth::measure(&$harness, $crate::Cost::Pages).assert_flat();
        }
    };
}
