//! One run: participants join, faults are injected with phases without faults in between, and all histories are collected.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::NamedTempFile;
use tokio::time::{self, Instant};

use crate::kit::{Cluster, Engine, HttpClient, operator::token_file, transcript::ChatMessage};

use super::{
    connection::{NAME_PREFIX, participants_in},
    fault_injector::FaultInjector,
    participant::{Instruction, Participant, ParticipantState},
    plan::{FaultPlan, Options, PersonActionPlan},
    program,
    record::{InjectedFault, Record, RosterCheck, RosterComparison},
    soak::Soak,
};

/// Limit of each wait for correct rosters.
const ROSTER_LIMIT: Duration = Duration::from_secs(20);
/// Limit of a return: after a sign-in without a reply the name must first become free.
const RETURN_LIMIT: Duration = Duration::from_secs(40);
/// Interval of looks.
const LOOK: Duration = Duration::from_millis(50);
/// Between two reads of the rosters: fewer than the ten per second that a session may make.
const ROSTER_LOOK: Duration = Duration::from_millis(200);

struct Run {
    fault_injector: FaultInjector,
    participants: Vec<Participant>,
    faults: FaultPlan,
    action_plan: PersonActionPlan,
    began: Instant,
    options: Options,
    person_actions: Vec<InjectedFault>,
    comparisons: Vec<RosterComparison>,
    checks: Vec<RosterCheck>,
    soak: Option<Soak>,
}

/// Runs the torture, from the first sign-in to the last check.
pub async fn run(options: &Options) -> Record {
    let token = token_file();
    let cluster = start(options, &token).await;
    let soak = if options.hostile > 0 { Some(Soak::begin(&cluster.instances[0], options.hostile).await) } else { None };
    let (began, addresses) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let fault_injector = FaultInjector::new(cluster, options, Arc::clone(&addresses), began);
    let start = |i: usize| {
        let seed = options.seed.wrapping_mul(1000) + i as u64;
        Participant::start(format!("{NAME_PREFIX}{i}"), Arc::clone(&addresses), began, seed)
    };
    // The last participant runs the example client of the documentation.
    let programs = usize::from(options.participants > 1);
    let mut participants: Vec<_> = (0..options.participants - programs).map(start).collect();
    if programs > 0 {
        let name = format!("{NAME_PREFIX}{}", participants.len());
        participants.push(program::start(name, Arc::clone(&addresses), began).await);
    }
    let (faults, action_plan) = (FaultPlan::seeded(options.seed), PersonActionPlan::seeded(options.seed));
    let (person_actions, comparisons, checks) = (Vec::new(), Vec::new(), Vec::new());
    let mut run = Run {
        fault_injector,
        participants,
        faults,
        action_plan,
        began,
        options: options.clone(),
        person_actions,
        comparisons,
        checks,
        soak,
    };
    run.check_rosters().await;
    while began.elapsed() < options.duration {
        run.round().await;
        run.sample().await;
        run.compare_rosters().await;
        run.check_rosters().await;
    }
    run.finish().await
}

async fn start(options: &Options, token: &NamedTempFile) -> Cluster {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    let settings = Cluster::builder(Engine::Redis).instances(options.instances);
    let settings = settings.set("RUANG_LEASE", &millis(options.lease)).set("RUANG_LEAVE_GRACE", &millis(options.grace));
    let settings = settings.set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_CONNECTIONS_PER_ADDRESS", "0");
    settings.set("RUANG_HISTORY", "1000000").with_operator(token).start().await
}

impl Run {
    /// Injects some faults; meanwhile participants act.
    async fn round(&mut self) {
        let Self { fault_injector, participants, faults, action_plan, began, options, person_actions, .. } = self;
        let servers = async {
            for _ in 0..options.round {
                let (wait, fault) = faults.next();
                time::sleep(wait).await;
                fault_injector.inject(fault).await;
                if began.elapsed() >= options.duration {
                    break;
                }
            }
        };
        let others = async {
            loop {
                let (wait, index, action) = action_plan.next();
                time::sleep(wait).await;
                let person = &participants[index % participants.len()];
                let from = began.elapsed();
                let what = format!("{} {action:?}", person.name);
                let to = from + action.away_for();
                person_actions.push(InjectedFault {
                    kind: action.kind(),
                    what,
                    from,
                    to,
                    recovers_from: None,
                    interrupts_redis: false,
                });
                person.instruct(Instruction::PersonAction(action)).await;
            }
        };
        tokio::select! {
            () = servers => {}
            () = others => {}
        }
    }

    async fn sample(&mut self) {
        if let Some(soak) = &mut self.soak {
            soak.sample(&self.fault_injector.cluster.instances[0]).await;
        }
    }

    /// Measures the time until all instances have the same roster.
    async fn compare_rosters(&mut self) {
        let (at, began) = (self.began.elapsed(), Instant::now());
        let mut took = None;
        while took.is_none() && began.elapsed() < ROSTER_LIMIT {
            time::sleep(ROSTER_LOOK).await;
            let rosters = self.rosters().await;
            let first = &rosters[0].1;
            let agree = !first.is_empty() && rosters.iter().all(|(_, roster)| roster == first);
            took = agree.then(|| began.elapsed());
        }
        self.comparisons.push(RosterComparison { at, took });
    }

    /// Waits until all are back, sends one participant away and measures the time until all rosters are true.
    async fn check_rosters(&mut self) {
        let first = self.checks.is_empty();
        soon(RETURN_LIMIT, || self.participants.iter().all(|person| person.is(|state| state.present && state.done)))
            .await;
        let away = self.checks.len() % self.participants.len();
        let mut truth: BTreeSet<_> = self.participants.iter().map(|person| person.name.clone()).collect();
        if !first {
            self.participants[away].instruct(Instruction::StayAway).await;
            truth.remove(&self.participants[away].name);
            // A draining instance may still hold their earlier connections.
            time::sleep(self.options.grace.max(self.options.lease) + Duration::from_secs(1)).await;
        }
        let looked = self.wait_for_rosters(truth).await;
        self.checks.push(looked);
        if !first {
            self.participants[away].instruct(Instruction::Return).await;
        }
    }

    async fn wait_for_rosters(&self, truth: BTreeSet<String>) -> RosterCheck {
        let (at, began) = (self.began.elapsed(), Instant::now());
        let mut rosters = Vec::new();
        while began.elapsed() < ROSTER_LIMIT {
            rosters = self.rosters().await;
            if rosters.iter().all(|(_, roster)| *roster == truth) {
                return RosterCheck { at, took: Some(began.elapsed()), truth, rosters };
            }
            time::sleep(ROSTER_LOOK).await;
        }
        RosterCheck { at, took: None, truth, rosters }
    }

    /// Returns the roster of each instance.
    async fn rosters(&self) -> Vec<(String, BTreeSet<String>)> {
        let http_clients: Vec<_> = self.participants.iter().map(|person| person.http_client.borrow().clone()).collect();
        let mut rosters = Vec::new();
        for instance in &self.fault_injector.cluster.instances {
            rosters.push((instance.base().to_owned(), roster(&http_clients, instance.base()).await));
        }
        rosters
    }

    /// Stops all sends, waits until all messages are received and collects the record.
    async fn finish(self) -> Record {
        for person in &self.participants {
            person.instruct(Instruction::StopSending).await;
        }
        soon(RETURN_LIMIT, || {
            self.participants.iter().all(|person| person.is(|state| state.present && state.idle && state.done))
        })
        .await;
        let http_client = self.participants[0].http_client.borrow().with_base(self.fault_injector.cluster.base(0));
        let log = whole_log(&http_client).await;
        let newest = log.last().map(|message| message.id.clone());
        soon(ROSTER_LIMIT, || self.participants.iter().all(|person| person.is(|state| state.last == newest))).await;
        let mut histories = Vec::new();
        for Participant { instructions, histories: all, .. } in self.participants {
            drop(instructions);
            histories.extend(all.await.expect("a participant that does not panic"));
        }
        let samples = match self.soak {
            Some(soak) => soak.end().await,
            None => vec![],
        };
        let mut faults = [self.fault_injector.done, self.person_actions].concat();
        faults.sort_by_key(|fault| fault.from);
        let Options { lease, grace, .. } = self.options;
        Record {
            log,
            lost: vec![],
            undone: vec![],
            histories,
            exits: self.fault_injector.exits,
            faults,
            comparisons: self.comparisons,
            checks: self.checks,
            samples,
            lease,
            grace,
        }
    }
}

impl Participant {
    fn is(&self, condition: impl Fn(&ParticipantState) -> bool) -> bool {
        condition(&self.state.borrow())
    }

    async fn instruct(&self, order: Instruction) {
        self.instructions.send(order).await.expect("a participant that does not panic");
    }
}

/// Waits for a condition, at most `limit`; the checker finds what never happened.
async fn soon(limit: Duration, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() && began.elapsed() < limit {
        time::sleep(LOOK).await;
    }
}

/// Returns the roster of an instance, through the first client with a session; empty if there is none.
async fn roster(http_clients: &[HttpClient], base: &str) -> BTreeSet<String> {
    for http_client in http_clients {
        match http_client.with_base(base).try_get("/api/members?limit=200").await {
            Ok(response) if response.status == 200 => return participants_in(&response.json()["members"]).collect(),
            Ok(response) if response.status == 401 => {}
            Ok(_) | Err(_) => break,
        }
    }
    BTreeSet::new()
}

/// Returns the whole log, oldest first.
async fn whole_log(http_client: &HttpClient) -> Vec<ChatMessage> {
    let mut pages = Vec::new();
    let mut path = "/api/messages?limit=200".to_owned();
    loop {
        let response = http_client.get(&path).await;
        if response.status == 429 {
            let seconds = response.header("retry-after").and_then(|value| value.parse().ok());
            time::sleep(Duration::from_secs(seconds.expect("seconds"))).await;
            continue;
        }
        let page = response.is(200).json();
        let messages: Vec<_> = page["messages"].as_array().into_iter().flatten().map(ChatMessage::of).collect();
        let first = messages.first().map(|message| message.id.clone());
        pages.push(messages);
        match first.filter(|_| page["more"] == true) {
            Some(first) => path = format!("/api/messages?limit=200&before={first}"),
            None => return pages.into_iter().rev().flatten().collect(),
        }
    }
}
