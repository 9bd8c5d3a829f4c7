//! The limit of a run, in time or in faults, and the seeds of its random numbers.

use std::time::{Duration, Instant};

use session_store_conformance::Random;

use crate::round::ROUNDS_OF_STORAGE;

/// The end of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Faults(usize),
    Time(Duration),
}

/// A limit, and the seed from which all random numbers of the run are derived.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Limit,
    begun: Instant,
    seed: u64,
    parts: u64,
    rounds: usize,
}

impl Budget {
    pub(crate) fn new(limit: Limit, seed: u64) -> Self {
        Self { limit, begun: Instant::now(), seed, parts: 0, rounds: 0 }
    }

    /// Returns whether the run continues after this number of faults.
    pub(crate) fn has_more(&self, faults: usize) -> bool {
        match self.limit {
            Limit::Faults(limit) => faults < limit,
            Limit::Time(limit) => self.elapsed() < limit,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Returns the random numbers for the next part of the run. Each part has different numbers.
    pub(crate) fn random(&mut self) -> Random {
        // Mix the seed with a constant of SplitMix64. Without this, consecutive seeds would give
        // similar random numbers.
        self.parts += 1;
        let mixed = self.seed.wrapping_add(self.parts.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Random::new(mixed ^ (mixed >> 27))
    }

    /// Returns the number of the first round on a new storage.
    pub(crate) fn next_round(&mut self) -> usize {
        self.rounds += ROUNDS_OF_STORAGE;
        self.rounds
    }
}
