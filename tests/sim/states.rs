//! The different states that runs pass through: a measure of how much of the room they see.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use super::{instance::Instance, redis::Redis};

/// Interval of samples.
pub const INTERVAL: Duration = Duration::from_millis(500);
/// How many messages an instance may be behind before the number makes no difference.
const FAR_BEHIND: u64 = 3;

/// The hashes of states.
pub type States = HashSet<u64>;

/// The hash of the present state: what is wrong with each instance and its link, how far it is behind, how many people it
/// shows, and what is wrong with Redis. Instances are in no order.
pub fn state(instances: &[Arc<Instance>], redis: &Redis) -> u64 {
    let head = instances.iter().filter_map(|instance| instance.room.head()).max();
    let mut states: Vec<_> = instances
        .iter()
        .map(|instance| {
            let behind = instance
                .room
                .head()
                .zip(head)
                .map(|(own, head)| (own.epoch == head.epoch, head.n.saturating_sub(own.n).min(FAR_BEHIND)));
            let faults = (instance.is_frozen(), instance.is_draining(), instance.link.faults());
            (faults, instance.room.ready(), behind, instance.room.stats().people)
        })
        .collect();
    states.sort_unstable();
    let mut hasher = DefaultHasher::new();
    (states, redis.faults()).hash(&mut hasher);
    hasher.finish()
}
