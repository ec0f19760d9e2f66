//! Random numbers by a seed: one generator for each part, so that leaving out one part does not change another.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

/// The generator of one part.
pub fn generator(seed: u64, part: &str, number: usize) -> StdRng {
    StdRng::from_seed(Sha256::digest(format!("{seed} {part} {number}")).into())
}

/// A time between two numbers of milliseconds.
pub fn millis(rng: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..=to))
}
