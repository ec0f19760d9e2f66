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
    /// The instances that hold the person, one bit each.
    holders: u8,
}

impl Redis {
    pub fn new() -> Self {
        Self { epoch: 1, n: 0, log: vec![], nonces: [vec![], vec![]], version: 0, holders: 0 }
    }

    pub fn place(&self) -> Place {
        Place { epoch: self.epoch, head: self.head(), version: self.version }
    }

    pub fn epoch(&self) -> u8 {
        self.epoch
    }

    pub fn is_held(&self) -> bool {
        self.holders != 0
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
        let before = self.is_held();
        let bit = 1 << instance;
        self.holders = if is_held { self.holders | bit } else { self.holders & !bit };
        if without == Some(Rule::LastReleaseCounts) && !is_held {
            self.holders = 0;
        }
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
        }
    }

    fn head(&self) -> Id {
        self.log.last().map_or((1, 0), |(id, _)| *id)
    }
}
