//! The addresses at which a name is used, and the people at an address: hashes, in what an incarnation holds.

use std::collections::{BTreeSet, HashMap};

use fred::interfaces::{HashesInterface, KeysInterface};

use super::{RedisBackplane, scripts::unavailable};
use crate::{address::AddressHash, backplane::Unavailable, name::NameKey};

impl RedisBackplane {
    /// Returns the addresses at which a name is used now, and the one at which it was used last.
    pub(super) async fn addresses_of(&self, name_key: &NameKey) -> Result<Vec<AddressHash>, Unavailable> {
        let failed = |error| unavailable("addresses", &error);
        let leases: HashMap<String, String> = self.reads.hgetall(self.keys.leases()).await.map_err(failed)?;
        let mut addresses = BTreeSet::new();
        // Also of incarnations that have yet to release a person whose session has ended.
        for incarnation in leases.keys().filter(|incarnation| !incarnation.is_empty()) {
            let held: Option<String> =
                self.reads.hget(self.keys.held(incarnation), name_key.as_str()).await.map_err(failed)?;
            addresses.extend(held);
        }
        let last: Option<String> = self.reads.get(self.keys.last_address(name_key)).await.map_err(failed)?;
        addresses.extend(last);
        Ok(addresses.iter().filter(|hash| !hash.is_empty()).map(|hash| hash.as_str().into()).collect())
    }

    /// Returns the people in the room at these addresses, other than one.
    pub(super) async fn people_at(
        &self,
        addresses: &[AddressHash],
        except: &NameKey,
    ) -> Result<Vec<NameKey>, Unavailable> {
        if addresses.is_empty() {
            return Ok(vec![]);
        }
        let failed = |error| unavailable("addresses", &error);
        let leases: HashMap<String, String> = self.reads.hgetall(self.keys.leases()).await.map_err(failed)?;
        let mut there = vec![];
        for incarnation in leases.keys().filter(|incarnation| !incarnation.is_empty()) {
            // In portions by instance, so that no call keeps Redis busy for long.
            let held: HashMap<String, String> =
                self.reads.hgetall(self.keys.held(incarnation)).await.map_err(failed)?;
            let at_one = held.into_iter().filter(|(_, hash)| addresses.iter().any(|address| address.as_str() == hash));
            there.extend(at_one.map(|(name_key, _)| (name_key, incarnation)));
        }
        let mut people = BTreeSet::new();
        for (name_key, incarnation) in there.into_iter().filter(|(name_key, _)| name_key != except.as_str()) {
            let person: Option<String> = self.reads.hget(self.keys.people(), &name_key).await.map_err(failed)?;
            let holders =
                person.as_deref().and_then(|stored| stored.split_once('\n')).map_or("", |(_, holders)| holders);
            if holders.split(' ').any(|holder| holder == incarnation) {
                people.insert(NameKey::from(name_key));
            }
        }
        Ok(people.into_iter().collect())
    }
}
