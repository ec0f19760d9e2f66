//! The contract of the backplane on both engines, and the cases that only Redis has.

mod addresses;
mod automod;
mod changes;
mod claims;
mod delivery;
mod epochs;
mod erasure;
mod fixture;
mod formats;
mod leases;
mod log;
mod moderation;
mod people;
mod presence;
mod pubsub;
mod reaping;
mod reports;
mod snapshot;
