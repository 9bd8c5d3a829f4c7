//! Random numbers from a seed. A failure prints the seed, so that the run can be repeated.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};

/// The environment variable that sets the seed.
pub(crate) const SEED: &str = "SESSION_STORE_CONFORMANCE_SEED";

/// Returns the seed from the environment, or a random seed if the environment has none.
pub(crate) fn seed() -> u64 {
    let given = env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
}

/// Marsaglia's xorshift, which is random enough to choose the moment of a kill.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns the sequence of numbers that belongs to the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}
