//! Banned or muted names, with their addresses if a moderator included these.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    address::AddressHash,
    backplane::{Ban, Person},
    name::NameKey,
};

#[derive(Clone, Default)]
pub(super) struct Bans(BTreeMap<NameKey, (Ban, Vec<AddressHash>)>);

impl Bans {
    /// Returns how long a person stays banned, by name or by address; none if they are not. `now` in Unix milliseconds.
    pub(super) fn left(&self, person: &Person, now: u64) -> Option<Duration> {
        let by_name = self.0.get(&person.name_key).map(|(ban, _)| ban.until);
        let at_address = person.address.as_ref().and_then(|address| self.until_at(address));
        let left = by_name.max(at_address)?.checked_sub(now).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }

    /// Whether an address is banned; of no address: false.
    pub(super) fn has_address(&self, address: Option<&AddressHash>, now: u64) -> bool {
        address.and_then(|address| self.until_at(address)).is_some_and(|until| until > now)
    }

    /// Adds a ban in place of the name's former one.
    pub(super) fn add(&mut self, ban: Ban, addresses: Vec<AddressHash>, now: u64) {
        self.0.retain(|_, (ban, _)| ban.until > now);
        self.0.insert(ban.name_key.clone(), (ban, addresses));
    }

    /// Lifts a ban. Returns false if there was none.
    pub(super) fn lift(&mut self, name_key: &NameKey, now: u64) -> bool {
        self.0.remove(name_key).is_some_and(|(ban, _)| ban.until > now)
    }

    pub(super) fn in_force(&self, now: u64) -> Vec<Ban> {
        self.0.values().filter(|(ban, _)| ban.until > now).map(|(ban, _)| ban.clone()).collect()
    }

    /// Returns when the last ban of an address ends.
    fn until_at(&self, address: &AddressHash) -> Option<u64> {
        self.0.values().filter(|(_, addresses)| addresses.contains(address)).map(|(ban, _)| ban.until).max()
    }
}
