//! Reading the people in the room, in portions, so that no call keeps Redis busy for long.

use std::collections::{BTreeMap, HashMap, HashSet};

use fred::{
    interfaces::{ClientLike, HashesInterface},
    types::CustomCommand,
};

use super::{RedisBackplane, scripts::unavailable};
use crate::{
    backplane::{IncarnationId, Member, Present, Unavailable},
    name::NameKey,
};

/// Fields that one HSCAN visits, about: half a millisecond.
const PORTION: &str = "1000";

/// Fields of `people`: `<name>\n<incarnation> …` by name key.
type Fields = HashMap<String, String>;

impl RedisBackplane {
    /// Reads all people who are in the room throughout the read. A person who joins or leaves meanwhile may be in or not: the event
    /// that follows decides.
    pub(super) async fn read_people(&self) -> Result<Vec<Present>, Unavailable> {
        let mut people = BTreeMap::new();
        let mut incarnations = HashSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let (next, fields) = self.scan_people(cursor).await?;
            // HSCAN may return a person twice.
            people.extend(fields.iter().filter_map(|(name_key, stored)| present(name_key, stored, &mut incarnations)));
            if next == "0" {
                return Ok(people.into_values().collect());
            }
            cursor = next;
        }
    }

    /// One step through the people: the next cursor, and some fields.
    async fn scan_people(&self, cursor: String) -> Result<(String, Fields), Unavailable> {
        let (client, people) = (self.snapshots.client(), self.keys.people());
        let command = CustomCommand::new("HSCAN", people.as_str(), false);
        let arguments = vec![people.clone(), cursor, "COUNT".to_owned(), PORTION.to_owned()];
        match client.custom(command, arguments).await {
            // The ACL of an older version permits no HSCAN.
            Err(error) if error.details().starts_with("NOPERM") => {
                let fields = client.hgetall(people).await.map_err(|error| unavailable("HGETALL", &error))?;
                Ok(("0".to_owned(), fields))
            }
            scanned => scanned.map_err(|error| unavailable("HSCAN", &error)),
        }
    }
}

/// A person as stored; the id of each incarnation is allocated once.
fn present(name_key: &str, stored: &str, known: &mut HashSet<IncarnationId>) -> Option<(NameKey, Present)> {
    let (name, holders) = stored.split_once('\n')?;
    let held_by = holders.split(' ').map(|holder| {
        let incarnation = known.get(holder).cloned().unwrap_or_else(|| holder.into());
        known.insert(incarnation.clone());
        incarnation
    });
    let held_by = held_by.collect();
    let name_key = NameKey::from(name_key);
    Some((name_key.clone(), Present { member: Member { name_key, name: name.to_owned() }, held_by }))
}
