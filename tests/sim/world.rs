//! The time, the seed and the log, which all parts of one run share.

use std::{
    fmt::Write,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{random::generator, rule::Rule, torture::record::Moment};

/// Most lines of a log.
const LINES: usize = 200_000;

/// See the [module](self).
pub struct World {
    seed: u64,
    began: Instant,
    /// The rule that the simulated Redis or a link breaks.
    pub broken: Option<Rule>,
    /// Whether a fault has lost anything that was stored.
    pub has_lost: AtomicBool,
    keeps: Keep,
    lines: Mutex<Lines>,
}

/// The stored part of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: its lines are not even written.
    Nothing,
    /// The digest of all lines.
    Digest,
    /// That, and the lines.
    Lines,
}

#[derive(Default)]
struct Lines {
    digest: Sha256,
    kept: Vec<String>,
}

impl World {
    /// A world that begins now.
    pub fn new(seed: u64, broken: Option<Rule>, keeps: Keep) -> Arc<Self> {
        Arc::new(Self {
            seed,
            began: Instant::now(),
            broken,
            has_lost: AtomicBool::new(false),
            keeps,
            lines: Mutex::default(),
        })
    }

    /// The time since the run began.
    pub fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// The generator of one part.
    pub fn generator(&self, part: &str, number: usize) -> StdRng {
        generator(self.seed, part, number)
    }

    /// Whether a rule is broken in this run.
    pub fn breaks(&self, rule: Rule) -> bool {
        self.broken == Some(rule)
    }

    /// Adds a line to the log.
    pub fn log(&self, line: impl FnOnce(&mut String)) {
        if self.keeps == Keep::Nothing {
            return;
        }
        let mut text = String::new();
        let _ = write!(text, "{:9.3} ", self.now().as_secs_f64());
        line(&mut text);
        let mut lines = self.lines.lock();
        lines.digest.update(&text);
        if self.keeps == Keep::Lines && lines.kept.len() < LINES {
            lines.kept.push(text);
        }
    }

    /// The digest of all lines, and those that are kept.
    pub fn finish(&self) -> (String, Vec<String>) {
        let mut lines = self.lines.lock();
        let digest = lines.digest.clone().finalize();
        (digest.iter().map(|byte| format!("{byte:02x}")).collect(), std::mem::take(&mut lines.kept))
    }
}

/// A time since 1970 from which the simulated clock of Redis counts.
pub const EPOCH: Duration = Duration::from_secs(1_800_000_000);
