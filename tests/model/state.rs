//! A state of the model, and what can happen in it.

use super::{
    instance::{Instance, Notice},
    redis::{Event, Id, Redis},
};

/// The number of a message: 0 and 1 are sent through instance 0, 2 through instance 1.
pub type Message = usize;
/// A promise that is broken.
pub type Promise = &'static str;

const MESSAGES: usize = 3;
const INSTANCES: usize = 2;

/// A rule that can be left out, to see that the model needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `publish.lua`: a nonce is stored with its message.
    NoncesAreStored,
    /// `docs/protocol.md`, Sending: a client repeats a message for nine minutes only.
    NineMinutes,
    /// `prelude.lua`, `begin_epoch`.
    FailoverBeginsEpoch,
    /// `gap_detector.rs`: an event that does not follow shows that others are missing.
    HolesAreFound,
    /// `snapshot.rs`, `Continuity`: clients are told of a loss.
    LossesAreTold,
    /// `hub_state.rs`, `acknowledged`: a loss shows by messages that were acknowledged and never received.
    AcksAreRemembered,
    /// `prelude.lua`, `release`: only the last release is a departure.
    LastReleaseCounts,
    /// `lease.rs`, `reannounce`: after a change of epoch the people are announced again.
    PeopleAreAnnouncedAgain,
    /// `heartbeat.lua`: a lease of a former epoch changes nothing.
    FormerLeasesAreFenced,
    /// `local_members.rs`, `hold_releases`: after a change of epoch no one is released before all others have announced people.
    ReleasesWait,
}

impl Rule {
    /// Whether it is about people, not messages.
    pub fn is_of_presence(self) -> bool {
        let index = Self::ALL.iter().position(|rule| *rule == self);
        index >= Self::ALL.iter().position(|rule| *rule == Self::LastReleaseCounts)
    }

    pub const ALL: [Self; 10] = [
        Self::NoncesAreStored,
        Self::NineMinutes,
        Self::FailoverBeginsEpoch,
        Self::HolesAreFound,
        Self::LossesAreTold,
        Self::AcksAreRemembered,
        Self::LastReleaseCounts,
        Self::PeopleAreAnnouncedAgain,
        Self::FormerLeasesAreFenced,
        Self::ReleasesWait,
    ];
}

/// How far a message is, as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    Unsent,
    /// It was sent, and the outcome is unknown.
    Unknown,
    Acknowledged(Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A message is sent, and the ack arrives.
    Publish(Message),
    /// A message is stored, and the ack is lost.
    PublishUnheard(Message),
    /// A message is on its way for long.
    PublishLate(Message),
    /// The message that was on its way is stored.
    Arrive,
    /// The next event reaches an instance, or is lost.
    Deliver(usize),
    Lose(usize),
    /// An instance's heartbeat is answered.
    Heartbeat(usize),
    /// An instance reads the room.
    Read(usize),
    /// A lease has passed since Redis lost people.
    Expire(usize),
    /// A lease has passed since a failover: the incarnations of before are dead.
    Reap,
    /// An instance releases the person, who has left it.
    Release(usize),
    /// The person joins through an instance, or leaves it.
    Join(usize),
    Leave(usize),
    /// Ten minutes pass.
    Rotate,
    /// The replica stops following; Redis fails over to it.
    StopReplica,
    Failover,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    without: Option<Rule>,
    redis: Redis,
    replica: Option<Redis>,
    instances: [Instance; INSTANCES],
    progress: [Progress; MESSAGES],
    /// Times that nonces expired since each message was first sent.
    rotations: [u8; MESSAGES],
    late: Option<Message>,
    /// All ids that were ever given to a message.
    ids: Vec<(Id, Message)>,
    /// How often the person left, or a failover gave or took a hold.
    absences: u8,
    left: Left,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    /// Messages that are sent.
    pub messages: usize,
    /// Events that are lost.
    pub losses: u8,
    /// Acks that are lost, or calls that are late.
    pub unheard: u8,
    /// Expiries of nonces.
    pub rotations: u8,
    /// Failovers.
    pub failovers: u8,
    /// Arrivals and departures.
    pub moves: u8,
}

impl State {
    pub fn new(left: Left, without: Option<Rule>) -> Self {
        Self {
            without,
            redis: Redis::new(),
            replica: None,
            instances: [Instance::new(), Instance::new()],
            progress: [Progress::Unsent; MESSAGES],
            rotations: [0; MESSAGES],
            late: None,
            ids: vec![],
            absences: 0,
            left,
        }
    }

    /// The steps that are possible now.
    pub fn actions(&self) -> Vec<Action> {
        let mut actions = vec![];
        for message in (0..self.left.messages).filter(|message| self.can_send(*message)) {
            actions.push(Action::Publish(message));
            if self.left.unheard > 0 {
                actions.push(Action::PublishUnheard(message));
                if self.late.is_none() {
                    actions.push(Action::PublishLate(message));
                }
            }
        }
        if self.late.is_some() {
            actions.push(Action::Arrive);
        }
        for (number, instance) in self.instances.iter().enumerate() {
            self.add_actions_of(number, instance, &mut actions);
        }
        if self.can_reap() {
            actions.push(Action::Reap);
        }
        let sent = self.progress.iter().any(|progress| *progress != Progress::Unsent);
        if self.left.rotations > 0 && sent && self.late.is_none() {
            actions.push(Action::Rotate);
        }
        match &self.replica {
            None if self.left.failovers > 0 => actions.push(Action::StopReplica),
            Some(replica) if *replica != self.redis => actions.push(Action::Failover),
            _ => {}
        }
        actions
    }

    fn add_actions_of(&self, number: usize, instance: &Instance, actions: &mut Vec<Action>) {
        if !instance.events.is_empty() && !instance.is_behind {
            actions.push(Action::Deliver(number));
        }
        if !instance.events.is_empty() && self.left.losses > 0 {
            actions.push(Action::Lose(number));
        }
        if instance.needs_heartbeat(&self.redis) {
            actions.push(Action::Heartbeat(number));
        }
        if instance.is_behind {
            actions.push(Action::Read(number));
        }
        if self.can_release(number) {
            actions.push(Action::Release(number));
        }
        // A lease is longer than the time until every instance has announced its people, and than an event is on its way.
        let all_announced = (0..INSTANCES).all(|other| self.instances[other].has_announced(other, &self.redis));
        let may_expire = all_announced || self.without == Some(Rule::PeopleAreAnnouncedAgain);
        let is_informed = instance.events.is_empty() && !instance.is_behind;
        if instance.is_missed && may_expire && is_informed && !self.redis.is_held() {
            actions.push(Action::Expire(number));
        }
        if self.left.moves > 0 {
            actions.push(if instance.has_person { Action::Leave(number) } else { Action::Join(number) });
        }
    }

    /// A lease is longer than the time until every instance has begun an incarnation of the epoch.
    fn can_reap(&self) -> bool {
        self.redis.is_held_by_former() && self.is_a_lease_later()
    }

    /// Whether an instance holds a person who has left it, and may release them: at once, but after a change of epoch.
    fn can_release(&self, number: usize) -> bool {
        let is_held = self.redis.is_held_by(number) && !self.instances[number].has_person;
        is_held && (self.is_a_lease_later() || self.without == Some(Rule::ReleasesWait))
    }

    fn is_a_lease_later(&self) -> bool {
        let all_announced = self.instances.iter().all(|instance| instance.announced_in == self.redis.epoch());
        all_announced || self.without == Some(Rule::PeopleAreAnnouncedAgain)
    }

    /// A client has one message on its way, and repeats it while its nonce is surely stored.
    fn can_send(&self, message: Message) -> bool {
        let is_known = self.without == Some(Rule::NineMinutes) || self.rotations[message] <= 1;
        match self.progress[message] {
            Progress::Unsent => message != 1 || self.progress[0] != Progress::Unsent && !self.is_open(0),
            Progress::Unknown => is_known,
            Progress::Acknowledged(_) => false,
        }
    }

    fn is_open(&self, message: Message) -> bool {
        self.progress[message] == Progress::Unknown
    }

    /// Carries out what happens.
    pub fn act(&mut self, action: Action) -> Result<(), Promise> {
        match action {
            Action::Publish(message) => {
                let id = self.publish(message)?;
                self.progress[message] = Progress::Acknowledged(id);
                self.instances[sender(message)].acknowledge(id);
            }
            Action::PublishUnheard(message) => {
                self.left.unheard -= 1;
                self.publish(message)?;
                self.progress[message] = Progress::Unknown;
            }
            Action::PublishLate(message) => {
                self.left.unheard -= 1;
                self.late = Some(message);
                self.progress[message] = Progress::Unknown;
            }
            Action::Arrive => {
                let late = self.late.take().unwrap();
                self.publish(late)?;
            }
            Action::Deliver(number) => self.instances[number].deliver(self.without)?,
            Action::Lose(number) => {
                self.left.losses -= 1;
                self.instances[number].events.remove(0);
            }
            Action::Heartbeat(number) => {
                let event = self.instances[number].heartbeat(number, &mut self.redis, self.without);
                self.send(event);
            }
            Action::Read(number) => self.read(number)?,
            Action::Expire(number) => self.instances[number].expire(),
            Action::Release(number) => self.change_hold(number, false),
            Action::Reap => {
                let event = self.redis.reap();
                self.send(event);
            }
            Action::Join(number) => self.hold(number, true),
            Action::Leave(number) => self.hold(number, false),
            Action::Rotate => self.rotate(),
            Action::StopReplica => {
                self.left.failovers -= 1;
                self.replica = Some(self.redis.clone());
            }
            Action::Failover => self.fail_over(),
        }
        self.note_shown();
        Ok(())
    }

    /// Checks what must hold in every state, and what must hold once nothing is on its way and no fault follows.
    pub fn check(&self) -> Result<(), Promise> {
        for message in 0..MESSAGES {
            if self.redis.log.iter().filter(|(_, stored)| *stored == message).count() > 1 {
                return Err("a message is in the log twice");
            }
        }
        if self.instances.iter().any(|instance| instance.leaves > self.absences) {
            return Err("a person is said to have left who was here");
        }
        let mut settled = self.clone();
        settled.settle()?;
        settled.check_settled()
    }

    /// Every instance receives what is on its way, sends heartbeats, and reads what it lacks.
    fn settle(&mut self) -> Result<(), Promise> {
        let is_settled = |state: &Self| {
            state.instances.iter().all(|instance| instance.is_current(&state.redis))
                && !state.instances.iter().any(|instance| instance.needs_heartbeat(&state.redis))
                && !state.redis.is_held_by_former()
                && !(0..INSTANCES).any(|number| state.can_release(number))
        };
        for _ in 0..12 {
            if is_settled(self) {
                break;
            }
            for number in 0..INSTANCES {
                if self.instances[number].is_behind {
                    self.act(Action::Read(number))?;
                }
                while !self.instances[number].events.is_empty() && !self.instances[number].is_behind {
                    self.act(Action::Deliver(number))?;
                }
                if self.instances[number].needs_heartbeat(&self.redis) {
                    self.act(Action::Heartbeat(number))?;
                }
            }
            for number in 0..INSTANCES {
                if self.can_release(number) {
                    self.act(Action::Release(number))?;
                }
            }
            if self.can_reap() {
                self.act(Action::Reap)?;
            }
        }
        for number in 0..INSTANCES {
            if self.instances[number].is_missed && !self.redis.is_held() {
                self.act(Action::Expire(number))?;
            }
        }
        Ok(())
    }

    fn check_settled(&self) -> Result<(), Promise> {
        let is_here = self.is_here();
        for instance in &self.instances {
            if !instance.is_current(&self.redis) {
                return Err("an instance stays behind");
            }
            if instance.is_shown != is_here {
                return Err("a roster stays wrong");
            }
            if !self.redis.log.ends_with(&instance.view) {
                return Err("a client shows what the log does not have, or has a hole, and was not told");
            }
            if !instance.was_told && instance.view.len() != self.redis.log.len() {
                return Err("a client lacks a message and was not told");
            }
        }
        for (message, progress) in self.progress.iter().enumerate() {
            let Progress::Acknowledged(id) = progress else { continue };
            if !self.redis.log.contains(&(*id, message)) && !self.instances[sender(message)].was_told {
                return Err("an acknowledged message is lost and its client was not told");
            }
        }
        Ok(())
    }

    fn publish(&mut self, message: Message) -> Result<Id, Promise> {
        let (id, event) = self.redis.publish(message, self.without);
        if event.is_some() {
            if self.ids.iter().any(|(known, other)| *known == id && *other != message) {
                return Err("an id was given to two messages");
            }
            self.ids.push((id, message));
        }
        self.send(event);
        Ok(id)
    }

    fn send(&mut self, event: Option<Event>) {
        for instance in &mut self.instances {
            instance.events.extend(event);
        }
    }

    fn hold(&mut self, number: usize, is_held: bool) {
        self.left.moves -= 1;
        self.instances[number].has_person = is_held;
        if is_held || self.can_release(number) || self.instances[number].announced_in != self.redis.epoch() {
            self.change_hold(number, is_held);
        }
        self.absences += u8::from(!is_held && !self.is_here());
    }

    fn change_hold(&mut self, number: usize, is_held: bool) {
        let event = if self.instances[number].announced_in == self.redis.epoch() {
            self.redis.hold(number, is_held, self.without)
        } else if self.without == Some(Rule::FormerLeasesAreFenced) {
            self.redis.hold_as_former(number, is_held)
        } else {
            None
        };
        self.send(event);
    }

    fn is_here(&self) -> bool {
        self.instances.iter().any(|instance| instance.has_person)
    }

    /// A client that is told of a gap sends again what it was not shown (`docs/protocol.md`, Sending).
    fn read(&mut self, number: usize) -> Result<(), Promise> {
        if matches!(self.instances[number].read(&self.redis, self.without)?, Notice::Gap) {
            for message in (0..MESSAGES).filter(|message| sender(*message) == number) {
                let Progress::Acknowledged(id) = self.progress[message] else { continue };
                if !self.redis.log.contains(&(id, message)) {
                    self.progress[message] = Progress::Unknown;
                }
            }
        }
        Ok(())
    }

    fn rotate(&mut self) {
        self.left.rotations -= 1;
        self.redis.rotate();
        for (message, progress) in self.progress.iter().enumerate() {
            if *progress != Progress::Unsent {
                self.rotations[message] += 1;
            }
        }
    }

    fn fail_over(&mut self) {
        let epoch = self.redis.epoch() + 1;
        self.redis = self.replica.take().unwrap();
        self.redis.begin_epoch(epoch, self.without);
        // It brought back a person who had left.
        self.absences += u8::from(self.redis.is_held() && !self.is_here());
        for instance in &mut self.instances {
            instance.was_told = false;
        }
    }

    /// A client takes a message that it is shown for stored.
    fn note_shown(&mut self) {
        for message in 0..MESSAGES {
            let view = &self.instances[sender(message)].view;
            if self.is_open(message)
                && let Some((id, _)) = view.iter().find(|(_, shown)| *shown == message)
            {
                self.progress[message] = Progress::Acknowledged(*id);
            }
        }
    }
}

fn sender(message: Message) -> usize {
    usize::from(message == 2)
}
