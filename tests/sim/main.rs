//! The simulation: several instances of the room on one thread, by a paused clock, over a simulated Redis behind links that
//! fail by a seed. One seed is one history. The checker is the torture's own. See `docs/simulation.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod client;
mod differential;
mod gate;
mod instance;
mod link;
#[path = "../../src/room/observed.rs"]
#[allow(dead_code, reason = "the room uses all of it")]
mod observed;
mod plan;
mod random;
mod redis;
mod report;
mod rule;
mod run;
mod shrink;
mod socket;
mod states;
mod tab;
mod tests;
mod world;

/// The parts of the torture's kit that its checker uses.
#[path = "../it/kit"]
#[allow(dead_code, reason = "the kit is shared with the tests that use all of it")]
mod kit {
    pub mod process;
    pub mod redis;
    pub mod schema;
    pub mod transcript;
    pub mod wait;
}

/// The torture's record and checker.
#[path = "../it/torture"]
#[allow(dead_code, unused_imports, reason = "the record is shared with the torture, which fills all of it")]
mod torture {
    pub mod checker;
    pub mod record;

    /// The simulation takes no samples of memory.
    pub mod soak {
        /// See the torture.
        #[derive(Clone, Debug)]
        pub struct Sample;
    }
}
