//! Redis in the model: the log, the nonces and the presence, as the scripts change them.

use super::state::{Message, Rule};

/// The epoch and the number within it.
pub type Id = (u8, u8);

/// A position: `backplane::Position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub epoch: u8,
    pub head: Id,
    pub version: u8,
}

/// An event: `backplane::Event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Message { prev: Id, version: u8, id: Id, message: Message },
    Presence { place: Place, is_here: bool },
}

/// What Redis stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redis {
    epoch: u8,
    n: u8,
    pub log: Vec<(Id, Message)>,
    /// The current generation of nonces and the one before (`memory/log.rs`, `Nonces`; `publish.lua`).
    nonces: [Vec<(Message, Id)>; 2],
    version: u8,
    /// The instances that hold the person, one bit each: by their incarnations of this epoch, and of the former one.
    holders: u8,
    former: u8,
}

impl Redis {
    pub fn new() -> Self {
        Self { epoch: 1, n: 0, log: vec![], nonces: [vec![], vec![]], version: 0, holders: 0, former: 0 }
    }

    pub fn place(&self) -> Place {
        Place { epoch: self.epoch, head: self.head(), version: self.version }
    }

    pub fn epoch(&self) -> u8 {
        self.epoch
    }

    pub fn is_held(&self) -> bool {
        self.holders | self.former != 0
    }

    /// Rule "once" (`publish.lua`): a known nonce returns its first id; else the message is appended, its nonce stored and the
    /// event published in one step.
    pub fn publish(&mut self, message: Message, without: Option<Rule>) -> (Id, Option<Event>) {
        let known = self.nonces.iter().flatten().find(|(known, _)| *known == message);
        if let Some((_, id)) = known.filter(|_| without != Some(Rule::NoncesAreStored)) {
            return (*id, None);
        }
        let prev = self.head();
        self.n += 1;
        let id = (self.epoch, self.n);
        self.log.push((id, message));
        self.nonces[0].push((message, id));
        (id, Some(Event::Message { prev, version: self.version, id, message }))
    }

    /// Ten minutes have passed: the older generation of nonces is dropped.
    pub fn rotate(&mut self) {
        self.nonces[1] = std::mem::take(&mut self.nonces[0]);
    }

    /// Rule "one presence" (`heartbeat.lua`, `prelude.lua`): the first hold and the last release raise the version.
    pub fn hold(&mut self, instance: usize, is_held: bool, without: Option<Rule>) -> Option<Event> {
        let is_sole = without == Some(Rule::LastReleaseCounts) && !is_held;
        self.change_holders(|redis| {
            redis.holders = with_bit(redis.holders, instance, is_held);
            if is_sole {
                (redis.holders, redis.former) = (0, 0);
            }
        })
    }

    /// The same by an incarnation of the former epoch, where that is not refused.
    pub fn hold_as_former(&mut self, instance: usize, is_held: bool) -> Option<Event> {
        self.change_holders(|redis| redis.former = with_bit(redis.former, instance, is_held))
    }

    /// The incarnations of the former epoch are dead (`reap.lua`).
    pub fn reap(&mut self) -> Option<Event> {
        self.change_holders(|redis| redis.former = 0)
    }

    /// Whether incarnations of the former epoch hold the person.
    pub fn is_held_by_former(&self) -> bool {
        self.former != 0
    }

    fn change_holders(&mut self, change: impl FnOnce(&mut Self)) -> Option<Event> {
        let before = self.is_held();
        change(self);
        let is_here = self.is_held();
        (before != is_here).then(|| {
            self.version += 1;
            Event::Presence { place: self.place(), is_here }
        })
    }

    /// Whether this instance holds the person.
    pub fn is_held_by(&self, instance: usize) -> bool {
        self.holders & (1 << instance) != 0
    }

    /// Rule "epochs" (`prelude.lua`, `begin_epoch`): where the log may have been rolled back, ids begin in an epoch that none
    /// had before.
    pub fn begin_epoch(&mut self, epoch: u8, without: Option<Rule>) {
        if without != Some(Rule::FailoverBeginsEpoch) {
            (self.epoch, self.n) = (epoch, 0);
            // The instances hold people by other incarnations from now on.
            self.former |= std::mem::take(&mut self.holders);
        }
    }

    fn head(&self) -> Id {
        self.log.last().map_or((1, 0), |(id, _)| *id)
    }
}

fn with_bit(bits: u8, bit: usize, is_set: bool) -> u8 {
    if is_set { bits | 1 << bit } else { bits & !(1 << bit) }
}
