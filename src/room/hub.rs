//! The task that follows the room and tells this instance's connections.
//!
//! The I/O shell around the state machines: it takes events, commands, answers and the time, one after another.

mod backplane_calls;
mod backplane_health;
mod boottime;
mod delivery;
mod incarnation;
mod joining;
mod lease;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

pub use self::joining::JoinError;
pub(super) use self::joining::{Join, JoinedConnection, Refused};
use self::{
    backplane_calls::CallResult,
    backplane_health::{BackplaneHealth, HealthTransition},
    boottime::boottime,
    incarnation::Incarnation,
    joining::PendingJoin,
    lease::HeartbeatTimers,
};
use super::{
    Options, ResumeFrom,
    failure_detector::FailureDetector,
    fanout::Fanout,
    gap_detector::GapDetector,
    hub_state::HubState,
    local_members::{ConnectionId, LocalMembers},
    typing::Typists,
};
use crate::backplane::{Backplane, Event, Person};

/// How often merged changes are told, in both directions.
const TICK: Duration = Duration::from_millis(100);

/// What the hub is asked.
pub(super) enum Command {
    /// A connection enters.
    Join(Join),
    /// A connection that is in wants a new welcome.
    CatchUp { connection: ConnectionId, since: ResumeFrom },
    /// Find out how things are with the lease, now.
    Heartbeat,
    /// Hand everybody over.
    Drain { reply: oneshot::Sender<()> },
}

/// See the [module](self).
pub(super) struct Hub {
    backplane: Arc<dyn Backplane>,
    options: Options,
    shared: Arc<HubState>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Receiver<Event>,
    hearing: SyncState,
    gap_detector: GapDetector,
    /// The connections that are in, and whose they are.
    clients: HashMap<ConnectionId, Person>,
    fanout: Arc<Fanout>,
    entered: ConnectionId,
    /// Joins that wait for the room to be in sync.
    waiting: Vec<Join>,
    /// Connections that wait for the others to be told of their person.
    pending_joins: Vec<PendingJoin>,
    local_members: LocalMembers,
    /// When everybody was last told who came and went.
    presence_told: Option<Instant>,
    typists: Typists,
    failure_detector: FailureDetector,
    incarnation: Incarnation,
    heartbeats: HeartbeatTimers,
    health: BackplaneHealth,
    /// At most one of each kind is under way.
    calls: FuturesUnordered<BoxFuture<'static, CallResult>>,
    draining: Option<oneshot::Sender<()>>,
    drained: bool,
}

/// How the hub stands to the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncState {
    /// Nothing is heard yet: the gap that begins a subscription has not come.
    Unsubscribed { since: Instant },
    /// Something is missing: events wait until the room has been read.
    CatchingUp { snapshot: bool, not_before: Instant },
    /// Everything up to now is known.
    Synced,
}

impl Hub {
    pub(super) fn new(
        backplane: Arc<dyn Backplane>,
        options: Options,
        shared: Arc<HubState>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let now = Instant::now();
        Self {
            events: backplane.subscribe(),
            local_members: LocalMembers::new(options.leave_grace),
            failure_detector: FailureDetector::new(options.lease),
            incarnation: Incarnation::new(shared.incarnation()),
            heartbeats: HeartbeatTimers::new(options.lease / 5),
            health: BackplaneHealth::new(now),
            backplane,
            options,
            shared,
            commands,
            hearing: SyncState::Unsubscribed { since: now },
            gap_detector: GapDetector::default(),
            clients: HashMap::new(),
            fanout: Arc::new(Fanout::start()),
            entered: 0,
            waiting: vec![],
            pending_joins: vec![],
            presence_told: None,
            typists: Typists::default(),
            calls: FuturesUnordered::new(),
            draining: None,
            drained: false,
        }
    }

    /// Runs until the last handle to the room is dropped.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let listens = !matches!(self.hearing, SyncState::CatchingUp { .. }) && !self.fanout.is_full();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command, Instant::now()),
                    None => return,
                },
                event = self.events.recv(), if listens => match event {
                    Some(event) => self.hear(event, Instant::now()),
                    None => self.resubscribe(Instant::now()),
                },
                Some(answer) = self.calls.next() => self.take(answer, Instant::now()),
                _ = ticks.tick() => self.tick(Instant::now()),
            }
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Join(join) => self.join_or_wait(join, now),
            Command::CatchUp { connection, since } => self.welcome_again(connection, since, now),
            Command::Heartbeat => self.heartbeat(now),
            Command::Drain { reply } => {
                self.draining = Some(reply);
                self.shared.set_ready(false);
                self.heartbeat(now);
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.drained {
            return;
        }
        if self.heartbeats.has_stalled(boottime(), self.options.lease) {
            self.start_anew("this instance stood still for longer than its lease");
        }
        for (connection, name_key) in self.shared.take_departures() {
            self.clients.remove(&connection);
            self.fanout.leave(connection);
            self.local_members.leave(&name_key, connection, now);
        }
        self.give_up_waiting(now);
        self.welcome_all_arrived(now);
        self.tell_changes(now);
        self.forget_old();
        self.beat_if_due(now);
        self.check_hearing(now);
        self.show_state(now);
    }

    /// What pages, probes and connections see of the hub's state.
    fn show_state(&mut self, now: Instant) {
        let synced = self.hearing == SyncState::Synced;
        let answered = self.heartbeats.is_answered(now);
        self.shared.set_synced(synced);
        self.shared.set_answered(answered);
        self.tell_outage(answered, now);
        let stays = self.draining.is_none() && !self.drained;
        self.shared.set_ready(synced && answered && self.heartbeats.is_echoed(now) && stays);
    }

    fn tell_outage(&mut self, answered: bool, now: Instant) {
        match self.health.observe(answered, now) {
            Some(HealthTransition::Silent) => {
                let why = self.backplane.last_error().unwrap_or_else(|| "no answer".to_owned());
                tracing::warn!(why, "Redis does not answer: nobody can speak or sign in, and nothing is lost");
            }
            Some(HealthTransition::Answers(after)) => tracing::info!(?after, "Redis answers again"),
            None => {}
        }
    }
}

impl Drop for Hub {
    /// Without its hub an instance is fit for nobody.
    fn drop(&mut self) {
        self.shared.set_ready(false);
        self.shared.set_synced(false);
    }
}
