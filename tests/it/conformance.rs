//! The contract of the backplane, held against both engines; and what only the one on Redis has to keep.

mod bench;
mod claims;
mod delivery;
mod epochs;
mod leases;
mod log;
mod moderation;
mod presence;
mod snapshot;
