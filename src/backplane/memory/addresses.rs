//! The addresses of people who are no longer in the room.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{address::AddressHash, backplane::ADDRESS_MEMORY, name::NameKey};

/// Time between two removals of those that have expired.
const SWEEP: Duration = Duration::from_secs(60);

/// The addresses at which each name was used last, for [`ADDRESS_MEMORY`].
#[derive(Clone, Default)]
pub(super) struct LastAddresses {
    by_name: BTreeMap<NameKey, (Vec<AddressHash>, Instant)>,
    swept: Option<Instant>,
}

impl LastAddresses {
    pub(super) fn remember(&mut self, name_key: &NameKey, addresses: Vec<AddressHash>, now: Instant) {
        if addresses.is_empty() {
            return;
        }
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP) {
            self.by_name.retain(|_, (_, until)| now < *until);
            self.swept = Some(now);
        }
        self.by_name.insert(name_key.clone(), (addresses, now + ADDRESS_MEMORY));
    }

    pub(super) fn of(&self, name_key: &NameKey, now: Instant) -> &[AddressHash] {
        self.by_name.get(name_key).filter(|(_, until)| now < *until).map_or(&[], |(addresses, _)| addresses)
    }
}
