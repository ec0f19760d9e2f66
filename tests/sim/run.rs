//! One run: a room of several instances, its people, and the faults of a plan.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use ruang::{backplane::RetentionPolicy, protocol::Limits, rate::Rate, room::Options};
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    client::{Client, Script},
    instance::Instance,
    link::Weather,
    plan::{Fault, Happening, Plan},
    redis::Redis,
    rule::Rule,
    states::{self, States},
    tab::Directory,
    torture::{
        checker::{self, Violation},
        record::{InjectedFault, InstanceExit, Moment, Record, RosterCheck},
    },
    world::{Keep, World},
};

/// Time until a balancer notices that a server does not respond.
const NOTICED: Duration = Duration::from_secs(1);
/// Limit of each wait for correct rosters.
const ROSTER_LIMIT: Duration = Duration::from_secs(20);
/// Interval of looks.
const LOOK: Duration = Duration::from_millis(100);
/// Before the end no one sends, so that all messages arrive.
const QUIET: Duration = Duration::from_secs(12);
/// Names stay claimed.
const NAME_HOLD: Duration = Duration::from_secs(300);
/// How long messages may be edited: longer than clocks are set forward.
const EDIT_WINDOW: Duration = Duration::from_secs(360_000);
/// Messages stored.
const HISTORY: usize = 2000;

/// The result of a run.
pub struct Outcome {
    pub record: Record,
    pub violations: Vec<Violation>,
    /// The states that it passed through.
    pub states: States,
    /// Of the whole history.
    pub digest: String,
    /// The log, if it was kept.
    pub lines: Vec<String>,
}

/// The state that the faults of one run share.
struct Scene {
    world: Arc<World>,
    redis: Arc<Redis>,
    options: Options,
    /// The instances by number in the plan, and what a balancer knows.
    slots: Mutex<Vec<Arc<Instance>>>,
    directory: Directory,
    started: Mutex<Vec<Arc<Instance>>>,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    faults: Vec<InjectedFault>,
    exits: Vec<InstanceExit>,
    states: States,
}

/// Runs a plan, and judges it.
pub fn run(plan: &Plan, broken: Option<Rule>, keeps: Keep) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (record, states, (digest, lines)) = runtime.block_on(simulate(plan, broken, keeps));
    let violations = checker::check(&record);
    Outcome { record, violations, states, digest, lines }
}

async fn simulate(plan: &Plan, broken: Option<Rule>, keeps: Keep) -> (Record, States, (String, Vec<String>)) {
    let scene = Scene::open(plan, broken, keeps);
    let began = Instant::now();
    let sampler = tokio::spawn(Arc::clone(&scene).sample());
    let clients: Vec<Client> = (0..plan.people).map(|number| scene.client(plan, number)).collect();
    let mut faults = JoinSet::new();
    let mut checks = vec![];
    let mut moments: Vec<(Moment, Option<Fault>)> = plan.checks.iter().map(|at| (*at, None)).collect();
    moments.extend(plan.steps.iter().filter_map(|step| match step.what {
        Happening::Fault(fault) => Some((step.at, Some(fault))),
        Happening::Action(..) => None,
    }));
    moments.sort_by_key(|(at, _)| *at);
    for (at, fault) in moments {
        sleep_until(began + at).await;
        match fault {
            Some(fault) => drop(faults.spawn(Arc::clone(&scene).inject(fault))),
            None => checks.push(scene.check_rosters(&clients).await),
        }
    }
    while faults.join_next().await.is_some() {}
    let mut histories = vec![];
    for client in clients {
        histories.extend(client.histories.await.unwrap());
    }
    for instance in scene.started.lock().iter() {
        assert!(instance.room.failed().now_or_never().is_none(), "{} panicked, with seed {}", instance.base, plan.seed);
    }
    sampler.abort();
    let (log, lost, undone) = scene.redis.log();
    let Done { mut faults, mut exits, states } = std::mem::take(&mut *scene.done.lock());
    faults.sort_by_key(|fault| fault.from);
    exits.extend(scene.redis.deaths());
    let (lease, grace) = (plan.lease, plan.grace);
    let record = Record { log, lost, undone, histories, exits, faults, checks, lease, grace, ..Record::default() };
    (record, states, scene.world.finish())
}

impl Scene {
    fn open(plan: &Plan, broken: Option<Rule>, keeps: Keep) -> Arc<Self> {
        let world = World::new(plan.seed, broken, keeps);
        let (lease, leave_grace, name_hold) = (plan.lease, plan.grace, NAME_HOLD);
        let (messages, edit_window) = (Rate::UNLIMITED, EDIT_WINDOW);
        let policy = RetentionPolicy {
            history: HISTORY,
            history_age: None,
            name_hold,
            messages,
            bot_messages: messages,
            lease,
            edit_window,
        };
        let limits = Limits { text_chars: 2000, messages_per_second: 0, edit_ms: 0 };
        let scene = Arc::new(Self {
            redis: Redis::new(&world, policy),
            world,
            options: Options { leave_grace, lease, name_hold, history_age: None, bots: vec![], limits },
            slots: Mutex::default(),
            directory: Directory::default(),
            started: Mutex::default(),
            done: Mutex::default(),
        });
        for _ in 0..plan.instances {
            let instance = scene.start();
            scene.slots.lock().push(Arc::clone(&instance));
            scene.directory.lock().push(instance);
        }
        scene
    }

    /// Notes states, without end.
    async fn sample(self: Arc<Self>) {
        loop {
            sleep(states::INTERVAL).await;
            let instances = self.slots.lock().clone();
            self.done.lock().states.insert(states::state(&instances, &self.redis));
        }
    }

    fn start(&self) -> Arc<Instance> {
        let mut started = self.started.lock();
        let instance = Instance::start(&self.world, &self.redis, self.options.clone(), started.len());
        started.push(Arc::clone(&instance));
        instance
    }

    fn client(&self, plan: &Plan, number: usize) -> Client {
        let actions = plan.steps.iter().filter_map(|step| match step.what {
            Happening::Action(person, action) if person == number => Some((step.at, action)),
            _ => None,
        });
        let script = Script {
            seed: plan.seed,
            number,
            actions: actions.collect(),
            pause_ms: plan.pause_ms,
            quiet_from: plan.end.saturating_sub(QUIET),
            end: plan.end,
        };
        Client::start(&self.world, &self.redis, &self.directory, script)
    }

    async fn inject(self: Arc<Self>, fault: Fault) {
        let from = self.world.now();
        self.world.log(|line| line.push_str(&format!("fault: {fault:?}")));
        let interrupts = match fault {
            Fault::Kill(slot) => self.kill(slot),
            Fault::Restart(slot) => self.restart(slot).await,
            Fault::Freeze(slot, time) => self.freeze(slot, time).await,
            Fault::Cut(slot, time) => self.weather(slot, time, |weather, on| weather.is_cut = on).await,
            Fault::Late(slot, time, ms) => {
                self.weather(slot, time, |weather, on| weather.late_ms = if on { ms } else { 0 }).await
            }
            Fault::Lossy(slot, time, percent) => {
                self.weather(slot, time, |weather, on| weather.lost_percent = if on { percent } else { 0 }).await
            }
            Fault::EventsLate(slot, time, ms) => {
                self.weather(slot, time, |weather, on| weather.events_late_ms = if on { ms } else { 0 }).await
            }
            Fault::EventsLost(slot, time, percent) => {
                self.weather(slot, time, |weather, on| weather.events_lost_percent = if on { percent } else { 0 }).await
            }
            Fault::EventsTwice(slot, time, percent) => {
                self.weather(slot, time, |weather, on| weather.events_twice_percent = if on { percent } else { 0 })
                    .await
            }
            Fault::Deaf(slot) => {
                self.slot(slot).link.set_weather(|weather| weather.deaf += 1);
                // It is found by a heartbeat without an event.
                sleep(self.options.lease / 5 * 2 + Duration::from_secs(1)).await;
                true
            }
            Fault::SubscriptionsEnd => {
                self.everywhere(|weather| weather.ended += 1);
                true
            }
            Fault::RedisFreeze(_) | Fault::RedisFull(_) | Fault::Failover(_) | Fault::Flush | Fault::ClockStep(_) => {
                self.inject_into_redis(fault).await
            }
        };
        let (to, what) = (self.world.now(), format!("{fault:?}"));
        let (kind, recovers_from) = (fault.kind(), None);
        let note = InjectedFault { kind, what, from, to, recovers_from, interrupts_redis: interrupts };
        self.done.lock().faults.push(note);
    }

    async fn inject_into_redis(&self, fault: Fault) -> bool {
        match fault {
            Fault::RedisFreeze(time) => {
                self.redis.set_replies(false);
                sleep(time).await;
                self.redis.set_replies(true);
            }
            Fault::RedisFull(time) => {
                self.redis.set_full(true);
                sleep(time).await;
                self.redis.set_full(false);
            }
            Fault::Failover(lag) => {
                self.redis.stop_replica();
                sleep(lag).await;
                let lost = self.redis.fail_over();
                self.world.log(|line| line.push_str(&format!("failover: {lost} messages are lost")));
                self.reconnect_everywhere().await;
            }
            Fault::Flush => {
                let lost = self.redis.flush();
                self.world.log(|line| line.push_str(&format!("flush: {lost} messages are lost")));
                self.reconnect_everywhere().await;
            }
            Fault::ClockStep(by_ms) => {
                self.redis.step_clock(by_ms);
                return false;
            }
            _ => {}
        }
        true
    }

    /// All links break for a moment. People whom Redis has lost, or has again, are known as such a lease later.
    async fn reconnect_everywhere(&self) {
        self.everywhere(|weather| weather.is_cut = true);
        sleep(Duration::from_millis(200)).await;
        self.everywhere(|weather| weather.is_cut = false);
        sleep(self.options.lease * 2).await;
    }

    fn everywhere(&self, change: impl Fn(&mut Weather)) {
        for instance in self.slots.lock().iter() {
            instance.link.set_weather(&change);
        }
    }

    fn slot(&self, slot: usize) -> Arc<Instance> {
        Arc::clone(&self.slots.lock()[slot])
    }

    fn kill(&self, slot: usize) -> bool {
        let instance = self.slot(slot);
        self.replace(slot);
        self.leave_directory(&instance);
        self.note_exit(&instance, false);
        instance.kill();
        false
    }

    async fn restart(&self, slot: usize) -> bool {
        let instance = self.slot(slot);
        if instance.is_frozen() || instance.link.is_troubled() {
            return false;
        }
        self.replace(slot);
        self.leave_directory(&instance);
        self.note_exit(&instance, true);
        Arc::clone(&instance).drain().await;
        // Its connections end by themselves.
        sleep(Duration::from_secs(5)).await;
        instance.kill();
        false
    }

    fn replace(&self, slot: usize) {
        let instance = self.start();
        self.slots.lock()[slot] = Arc::clone(&instance);
        self.directory.lock().push(instance);
    }

    async fn freeze(&self, slot: usize, time: Duration) -> bool {
        let instance = self.slot(slot);
        self.redis.note_trouble(instance.number);
        instance.freeze();
        sleep(time.min(NOTICED)).await;
        if time > NOTICED {
            self.leave_directory(&instance);
            sleep(time - NOTICED).await;
        }
        instance.thaw();
        let began = Instant::now();
        while !instance.room.ready() && began.elapsed() < ROSTER_LIMIT {
            sleep(LOOK).await;
        }
        self.enter_directory(&instance);
        false
    }

    async fn weather(&self, slot: usize, time: Duration, change: impl Fn(&mut Weather, bool)) -> bool {
        let instance = self.slot(slot);
        self.redis.note_trouble(instance.number);
        instance.link.set_weather(|weather| change(weather, true));
        sleep(time).await;
        instance.link.set_weather(|weather| change(weather, false));
        true
    }

    /// A balancer without a server that responds tries the last one.
    fn leave_directory(&self, instance: &Arc<Instance>) {
        let mut directory = self.directory.lock();
        if directory.len() > 1 {
            directory.retain(|other| !Arc::ptr_eq(other, instance));
        }
    }

    fn enter_directory(&self, instance: &Arc<Instance>) {
        let is_current = self.slots.lock().iter().any(|other| Arc::ptr_eq(other, instance));
        let mut directory = self.directory.lock();
        if is_current && !directory.iter().any(|other| Arc::ptr_eq(other, instance)) {
            directory.push(Arc::clone(instance));
        }
    }

    fn note_exit(&self, instance: &Instance, announced: bool) {
        let silent_since = self.redis.note_exit(instance.number);
        // The others count from then on, too.
        let is_silent = instance.is_frozen() || instance.link.is_cut();
        let at = if is_silent { silent_since } else { self.world.now() };
        self.done.lock().exits.push(InstanceExit { base: instance.base.clone(), at, announced, returned: None });
    }

    /// Waits until all rosters have all people who are connected.
    async fn check_rosters(&self, clients: &[Client]) -> RosterCheck {
        let (at, began) = (self.world.now(), Instant::now());
        loop {
            let connected = clients.iter().filter(|client| client.is_present.load(Ordering::Relaxed));
            let truth: BTreeSet<String> = connected.map(|client| client.name.clone()).collect();
            let instances = self.slots.lock().clone();
            let mut rosters = vec![];
            for instance in instances {
                let members = timeout(LOOK, instance.room.members(None, None, 200)).await;
                let names = members.ok().and_then(Result::ok).map(|page| page.names.into_iter().collect());
                rosters.push((instance.base.clone(), names.unwrap_or_default()));
            }
            let took = began.elapsed();
            let is_true = rosters.iter().all(|(_, roster)| *roster == truth);
            if is_true || took > ROSTER_LIMIT {
                self.world.log(|line| line.push_str(&format!("rosters {rosters:?} after {took:?}")));
                return RosterCheck { at, took: is_true.then_some(took), truth, rosters };
            }
            sleep(LOOK).await;
        }
    }
}
