//! A replica's copy of the room, which a failover puts in place of the original.

use std::collections::VecDeque;

use super::{
    MemoryBackplane, bans::Bans, log::Log, message_rates::MessageRates, presence::Presence, repeats::Repeats,
    reports::Reports,
};
use crate::{
    address::AddressKey,
    automod::AutoRules,
    backplane::{ModerationRecord, RetentionPolicy},
    protocol::Rules,
};

/// Everything that a room stores.
#[derive(Clone)]
pub struct Replica {
    pub(super) log: Log,
    pub(super) presence: Presence,
    pub(super) message_rates: MessageRates,
    pub(super) repeats: Repeats,
    pub(super) rules: Rules,
    pub(super) auto: AutoRules,
    pub(super) mutes: Bans,
    /// The moderators' actions, oldest first.
    pub(super) acts: VecDeque<ModerationRecord>,
    pub(super) address_key: AddressKey,
    pub(super) reports: Reports,
}

impl Replica {
    /// The copy of an empty room, which begins in this epoch.
    pub fn empty(policy: RetentionPolicy, epoch: u64) -> Self {
        Self {
            log: Log::new(epoch, policy.history),
            presence: Presence::new(policy),
            message_rates: MessageRates::new(super::now()),
            repeats: Repeats::new(super::now()),
            rules: Rules::default(),
            auto: AutoRules::default(),
            mutes: Bans::default(),
            acts: VecDeque::new(),
            address_key: AddressKey::random(),
            reports: Reports::new(super::now()),
        }
    }

    /// The epoch of its log.
    pub fn epoch(&self) -> u64 {
        self.log.epoch()
    }
}

impl MemoryBackplane {
    /// Returns a copy of everything stored.
    pub fn replica(&self) -> Replica {
        self.state.lock().stored.clone()
    }

    /// Puts a copy in place of everything stored, as a failover to a replica does. Its log continues in this epoch, which no
    /// other log may have had. Subscribers are told nothing.
    pub fn fail_over(&self, mut replica: Replica, epoch: u64) {
        replica.log.begin_epoch(epoch);
        self.state.lock().stored = replica;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        automod::SharedChecks,
        backplane::{Backplane, ChangeRequest, Heartbeat, NewState, Person, Post},
        protocol::{Id, Text},
        rate::Rate,
    };

    fn policy() -> RetentionPolicy {
        let lease = Duration::from_secs(5);
        RetentionPolicy {
            history: 100,
            history_age: None,
            name_hold: lease * 10,
            messages: Rate::UNLIMITED,
            bot_messages: Rate::UNLIMITED,
            edit_window: lease,
            lease,
        }
    }

    fn post(person: &Person, nonce: &str) -> Post {
        Post {
            incarnation: "one".into(),
            person: person.clone(),
            nonce: nonce.parse().unwrap(),
            text: Text::parse("halo").unwrap(),
            reply_to: None,
            alias: None,
            trace: None,
            checks: SharedChecks::default(),
        }
    }

    /// A person in the room, and their first message.
    async fn enter(room: &MemoryBackplane) -> (Person, Id) {
        let sari = Person::new("sari".into(), "Sari", "a session".into());
        let heartbeat = Heartbeat { adds: vec![sari.clone()], ..Heartbeat::new("one".into(), 1) };
        room.heartbeat(heartbeat).await.unwrap();
        let id = room.publish(post(&sari, "kept")).await.unwrap();
        (sari, id)
    }

    #[tokio::test]
    async fn failover_keeps_the_copy_and_begins_an_epoch() {
        let room = MemoryBackplane::new(policy());
        let (sari, kept) = enter(&room).await;
        let post = |nonce| post(&sari, nonce);
        let replica = room.replica();
        let lost = room.publish(post("lost")).await.unwrap();
        let epoch = replica.epoch() + 9;
        room.fail_over(replica, epoch);
        assert_eq!(room.publish(post("kept")).await, Ok(kept), "the nonce is stored");
        let snapshot = room.read(Some(crate::backplane::Position { head: lost, ..Default::default() })).await.unwrap();
        assert!(!snapshot.continues, "the lost message is no position");
        assert_eq!((snapshot.position.epoch, snapshot.position.head), (epoch, kept));
        assert_eq!(room.publish(post("lost")).await, Ok(Id::new(epoch, 1)));
    }

    #[tokio::test]
    async fn read_from_a_former_epoch_has_all_changes() {
        let room = MemoryBackplane::new(policy());
        let (sari, id) = enter(&room).await;
        let delete = ChangeRequest {
            incarnation: "one".into(),
            person: sari,
            nonce: "delete".parse().unwrap(),
            id,
            state: NewState::Deleted,
            checks: SharedChecks::default(),
        };
        room.change(delete).await.unwrap();
        let before = room.read(None).await.unwrap().position;
        assert!(room.read(Some(before)).await.unwrap().changes.is_empty(), "the reader has them");
        room.fail_over(room.replica(), before.epoch + 9);
        let snapshot = room.read(Some(before)).await.unwrap();
        assert!(snapshot.continues);
        assert_eq!(snapshot.changes.len(), 1, "the reader looks whether any is lost");
    }
}
