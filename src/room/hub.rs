//! The task that follows the room and serves this instance's connections.
//!
//! The I/O around the state machines: it takes commands, events, replies and the time, one after another, passes them to the
//! state machines, and carries out what these decide.

mod backplane_calls;
mod delivery;
mod joining;
mod occurrence;
mod people;
mod portions;
mod snapshot;
mod welcome;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

pub use self::joining::JoinError;
pub(super) use self::joining::{Join, JoinRefusal, JoinedConnection};
use self::{
    backplane_calls::CallResult, joining::PendingJoin, occurrence::Occurrence, people::PeopleRead, portions::NextRead,
};
use super::{
    Options,
    fanout::Fanout,
    gap_detector::{GapDetector, Verdict},
    history_cache::ResumeFrom,
    hub_state::{Ending, HubState},
    lease::{Action, Lease, Signal, Status},
    local_members::{ConnectionId, LocalChanges, LocalMembers},
    machine::Machine,
    recipient::Farewell,
    typing::Typists,
};
use crate::{
    backplane::{Backplane, Event, Heartbeat},
    name::NameKey,
    protocol::Bye,
    telemetry::instruments,
};

/// How often merged changes are sent, to clients and to the backplane.
const TICK: Duration = Duration::from_millis(100);
/// A claim is renewed this often within the time that it lasts.
const RENEWALS: u32 = 3;
/// When any session may have ended, all are looked up, each at a random time within this.
const RECHECK_SPREAD: Duration = Duration::from_millis(500);
/// The delay before clients of a closed instance reconnect, in milliseconds; random for each client.
const RECONNECT_MS: std::ops::Range<u64> = 100..2000;

/// A command for the hub.
pub(super) enum Command {
    /// Let a connection join.
    Join(Join),
    /// Send a joined connection a new welcome.
    Rejoin { connection: ConnectionId, since: ResumeFrom },
    /// Send a heartbeat now: a message was refused as fenced, so the lease may be lost.
    Heartbeat,
    /// Move all clients to other instances.
    Drain { reply: oneshot::Sender<()> },
}

/// See the [module](self).
pub(super) struct Hub {
    machine: Arc<dyn Machine>,
    rng: StdRng,
    backplane: Arc<dyn Backplane>,
    options: Options,
    state: Arc<HubState>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Receiver<Event>,
    /// Calls in flight, at most one of each kind.
    calls: FuturesUnordered<BoxFuture<'static, CallResult>>,
    lease: Lease,
    gap_detector: GapDetector,
    /// How the next [`Action::Read`] reads the room.
    next_read: NextRead,
    /// The read of a large room's people in progress.
    people_read: Option<PeopleRead>,
    fanout: Arc<Fanout>,
    /// Joined connections, and the names of their people as shown.
    clients: BTreeMap<ConnectionId, String>,
    last_connection: ConnectionId,
    /// Joins that wait until the room is in sync.
    waiting: Vec<Join>,
    /// Joins that wait until their person is announced.
    pending: Vec<PendingJoin>,
    /// Joins that are welcomed next.
    announced: Vec<PendingJoin>,
    members: LocalMembers,
    /// The changes of the heartbeat in flight.
    announcing: LocalChanges,
    /// When clients were last sent a presence frame.
    presence_sent_at: Option<Instant>,
    typists: Typists,
    /// Told when the drain is complete.
    drained: Option<oneshot::Sender<()>>,
    /// With the next confirmed heartbeat, sessions that ended lately are ended again: a failover may have lost their ends.
    repeats_ends: bool,
    /// The kind of occurrence that is polled first; another one each time.
    first_kind: usize,
}

impl Hub {
    pub(super) fn new(
        machine: Arc<dyn Machine>,
        backplane: Arc<dyn Backplane>,
        options: Options,
        state: Arc<HubState>,
        commands: mpsc::Receiver<Command>,
        fanout: Fanout,
    ) -> Self {
        let mut rng = StdRng::from_seed(machine.seed());
        let incarnation = state.status().incarnation;
        let lease = Lease::new(options.lease, incarnation, StdRng::from_rng(&mut rng), now(), machine.since_boot())
            .with_spread(rng.random_range(0.0..1.0));
        Self {
            machine,
            rng,
            events: backplane.subscribe(),
            calls: FuturesUnordered::new(),
            lease,
            gap_detector: GapDetector::default(),
            next_read: NextRead::default(),
            people_read: None,
            fanout: Arc::new(fanout),
            clients: BTreeMap::new(),
            last_connection: 0,
            waiting: vec![],
            pending: vec![],
            announced: vec![],
            members: LocalMembers::new(options.leave_grace, options.name_hold / RENEWALS),
            announcing: LocalChanges::default(),
            presence_sent_at: None,
            typists: Typists::default(),
            drained: None,
            repeats_ends: false,
            first_kind: 0,
            backplane,
            options,
            state,
            commands,
        }
    }

    /// Runs until the last handle to the room is dropped.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            match self.next(&mut ticks).await {
                Occurrence::Command(Some(command)) => self.on_command(command, now()),
                Occurrence::Command(None) => return,
                Occurrence::Event(event) => self.on_event(event, now()),
                Occurrence::Welcome => self.welcome_some(now()),
                Occurrence::Result(result) => self.on_result(result, now()),
                Occurrence::Tick => self.on_tick(now()),
            }
        }
    }

    fn on_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Join(join) => self.join_or_wait(join, now),
            Command::Rejoin { connection, since } => self.welcome_again(connection, since, now),
            Command::Heartbeat => self.signal(Signal::Changed, now),
            Command::Drain { reply } => {
                self.drained = Some(reply);
                self.signal(Signal::Drain, now);
            }
        }
    }

    fn on_event(&mut self, event: Event, now: Instant) {
        // Each subscription begins with it.
        if event == Event::Gap {
            return self.fall_behind(Signal::Subscribed, now);
        }
        if !self.lease.is_subscribed() {
            return;
        }
        // These count even if the event is stale.
        match &event {
            Event::Ended { session, .. } => self.end_session(session, now),
            Event::Heartbeat { incarnation, .. } if self.lease.is_own(incarnation) => self.signal(Signal::Echo, now),
            _ => {}
        }
        match self.gap_detector.follow(&event) {
            Verdict::Next => self.deliver(event, now),
            Verdict::Stale => {}
            Verdict::Gap => self.fall_behind(Signal::Missing, now),
        }
    }

    fn on_tick(&mut self, now: Instant) {
        if self.lease.is_drained() {
            return;
        }
        for (connection, name_key) in self.state.take_departures() {
            self.clients.remove(&connection);
            self.fanout.leave(connection);
            self.members.leave(&name_key, connection, now);
        }
        if self.fanout.is_full() {
            self.signal(Signal::Congested, now);
            self.gap_detector.postpone(now);
        }
        let changed = self.members.has_changes(now);
        let actions = self.lease.on_tick(now, self.machine.since_boot(), changed);
        self.carry_out(actions, now);
        if self.events.is_closed() && self.events.is_empty() {
            self.signal(Signal::Unsubscribed, now);
        }
        if self.lease.is_synced() && self.gap_detector.is_overdue(now) {
            self.fall_behind(Signal::Missing, now);
        }
        self.give_up_joins(now);
        self.find_announced();
        self.send_changes(now);
        self.trim_history();
    }

    fn fall_behind(&mut self, signal: Signal, now: Instant) {
        if self.gap_detector.position().is_some() {
            instruments().gap_found();
        }
        self.signal(signal, now);
    }

    fn signal(&mut self, signal: Signal, now: Instant) {
        let actions = self.lease.on_signal(now, signal);
        self.carry_out(actions, now);
    }

    fn carry_out(&mut self, actions: Vec<Action>, now: Instant) {
        self.state.set_status(self.lease.status(now));
        for action in actions {
            match action {
                Action::Heartbeat { incarnation, heartbeat_seq, epoch, draining } => {
                    let heartbeat = Heartbeat { epoch, draining, ..Heartbeat::new(incarnation, heartbeat_seq) };
                    self.call_heartbeat(heartbeat, now);
                }
                Action::Confirm { refused } => self.confirm(&refused, now),
                Action::Reap { incarnation, heartbeat_seq } => self.call_reap(incarnation, heartbeat_seq),
                Action::Read => self.call_read(now),
                Action::Resubscribe => {
                    tracing::warn!("the subscription receives nothing: subscribing again");
                    self.events = self.backplane.subscribe();
                }
                Action::Reannounce => {
                    self.reannounce();
                    self.members.hold_releases(now + self.options.lease);
                    self.repeats_ends = true;
                }
                Action::StartOver(reason) => {
                    tracing::warn!(connections = self.clients.len(), "closing all connections: {reason}");
                    self.close_all();
                    self.members.clear();
                    self.reannounce();
                }
                Action::HandOver => {
                    self.close_all();
                    self.drained.take().map(|reply| reply.send(()));
                }
                Action::LogOutage => {
                    let reason = self.backplane.last_error().unwrap_or_else(|| "no reply".to_owned());
                    tracing::warn!(reason, "Redis does not reply: no messages or sign-ins until it does");
                }
                Action::LogRecovery(after) => tracing::info!(?after, "Redis replies again"),
            }
        }
    }

    /// The backplane has applied the changes of the last heartbeat.
    fn confirm(&mut self, refused: &[NameKey], now: Instant) {
        let changes = std::mem::take(&mut self.announcing);
        self.members.confirm(&changes, now);
        if std::mem::take(&mut self.repeats_ends) {
            self.call_ends(now);
        }
        for person in changes.adds.iter().chain(&changes.renewals) {
            if refused.contains(&person.name_key) {
                self.turn_away(person);
            }
        }
        self.find_announced();
        // One heartbeat carries a part of many changes, and pending joins do not wait for the next tick.
        if self.members.has_changes(now) && (changes.len() > 0 || !self.pending.is_empty()) {
            self.signal(Signal::Changed, now);
        }
    }

    /// A new incarnation announces the same people. Redis may have lost their sessions too, so these are looked up.
    fn reannounce(&mut self) {
        self.members.forget_confirmations();
        self.state.publish_ending(Ending::Any);
        self.fanout.recheck(RECHECK_SPREAD);
    }

    /// Closes all connections. Each client is sent another time to reconnect, so that they do not all arrive at once.
    fn close_all(&mut self) {
        for connection in std::mem::take(&mut self.clients).into_keys() {
            let retry_after_ms = Some(self.rng.random_range(RECONNECT_MS));
            self.fanout.close(connection, Farewell { reason: Bye::Restart, retry_after_ms });
        }
        self.refuse_pending();
    }

    /// Closes one connection, if it is still there.
    fn close(&mut self, connection: ConnectionId, reason: Bye, retry_after_ms: Option<u64>) {
        if self.clients.remove(&connection).is_some() {
            self.fanout.close(connection, Farewell { reason, retry_after_ms });
        }
    }
}

/// The time by tokio's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Drop for Hub {
    /// Without its hub an instance is not ready.
    fn drop(&mut self) {
        self.state.set_status(Status::unready(self.state.status().incarnation));
    }
}
