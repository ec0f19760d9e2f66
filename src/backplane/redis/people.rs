//! Reading the people in the room: few of them with a snapshot, many in portions, so that no call keeps Redis busy for long.

use std::collections::HashSet;

use serde::Serialize;

use super::{RedisBackplane, envelope::open_deltas};
use crate::backplane::{IncarnationId, Member, PEOPLE_AT_ONCE, PeoplePortion, Present, SnapshotPeople, Unavailable};

#[derive(Serialize)]
struct PeopleArgument {
    cursor: String,
    count: usize,
}

impl RedisBackplane {
    pub(super) async fn read_people(&self, cursor: Option<String>) -> Result<PeoplePortion, Unavailable> {
        let argument = PeopleArgument { cursor: cursor.unwrap_or_else(|| "0".to_owned()), count: PEOPLE_AT_ONCE };
        let reply = self.snapshots.run_list(&self.snapshots.people, self.keys.of_script(), &argument).await?;
        portion(reply).ok_or(Unavailable)
    }
}

/// The people of a snapshot.
pub(super) fn people(count: Option<&str>, all: Option<Vec<String>>, steps: Option<&str>) -> Option<SnapshotPeople> {
    let Some(count) = count else { return Some(SnapshotPeople::Same) };
    Some(match (all, steps) {
        (Some(all), _) => SnapshotPeople::All(present(all.into_iter())),
        (None, Some(steps)) => SnapshotPeople::Changed(open_deltas(steps)?),
        (None, None) => SnapshotPeople::Many(count.parse().ok()?),
    })
}

fn portion(reply: Vec<String>) -> Option<PeoplePortion> {
    let mut reply = reply.into_iter();
    let (epoch, next) = (reply.next()?.parse().ok()?, reply.next()?);
    Some(PeoplePortion { epoch, next: Some(next).filter(|next| next != "0"), people: present(reply) })
}

/// People as stored, `<name>\n<incarnation> …` after each name key. The id of each incarnation is allocated once.
fn present(mut fields: impl Iterator<Item = String>) -> Vec<Present> {
    let mut known: HashSet<IncarnationId> = HashSet::new();
    let mut people = vec![];
    while let (Some(name_key), Some(stored)) = (fields.next(), fields.next()) {
        // The hash has a field of its own.
        let Some((name, holders)) = stored.split_once('\n') else { continue };
        let held_by = holders.split(' ').map(|holder| {
            known.get(holder).cloned().unwrap_or_else(|| {
                let incarnation = IncarnationId::from(holder);
                known.insert(incarnation.clone());
                incarnation
            })
        });
        let held_by = held_by.collect();
        people.push(Present { member: Member { name_key: name_key.into(), name: name.to_owned() }, held_by });
    }
    people
}
