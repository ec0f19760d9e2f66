//! The memory engine beside the scripts: the same calls by a seed, to the engine of the simulation and to a real Redis
//! through the production code. Each reply and each event must be the same. See `docs/simulation.md`.

mod call;
mod mutants;
mod pair;
mod side;
mod tests;
