//! Lets people in, does faults for a while, leaves all in peace now and then, and collects what everybody saw.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{self, Instant};

use crate::kit::{Cluster, Engine, HttpClient, transcript::ChatMessage};

use super::{
    fault_injector::FaultInjector,
    people::{Order, Person, State},
    plan::{Faults, Options, Turns},
    record::{Agreed, Done, Record, Settled},
    soak::Soak,
    wire::{OURS, ours, said},
};

/// How long the room may take to become what it must, before that is written down as never.
const GENEROUS: Duration = Duration::from_secs(20);
/// How long somebody may take to be back: whoever is not told that they are signed in has to wait until their name is
/// free again.
const BACK: Duration = Duration::from_secs(40);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

struct Run {
    fault_injector: FaultInjector,
    people: Vec<Person>,
    faults: Faults,
    turns: Turns,
    began: Instant,
    options: Options,
    turned: Vec<Done>,
    agreed: Vec<Agreed>,
    settled: Vec<Settled>,
    soak: Option<Soak>,
}

/// One run, from the first sign-in to the last look.
pub async fn run(options: &Options) -> Record {
    let cluster = start(options).await;
    let soak = if options.hostile > 0 { Some(Soak::begin(&cluster.instances[0], options.hostile).await) } else { None };
    let (began, doors) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let fault_injector = FaultInjector::to(cluster, options, Arc::clone(&doors), began);
    let enters = |i: usize| {
        let seed = options.seed.wrapping_mul(1000) + i as u64;
        Person::enters(format!("{OURS}{i}"), Arc::clone(&doors), began, seed)
    };
    let people = (0..options.people).map(enters).collect();
    let (faults, turns) = (Faults::seeded(options.seed), Turns::seeded(options.seed));
    let (turned, agreed, settled) = (Vec::new(), Vec::new(), Vec::new());
    let mut run =
        Run { fault_injector, people, faults, turns, began, options: options.clone(), turned, agreed, settled, soak };
    run.peace().await;
    while began.elapsed() < options.lasting {
        run.round().await;
        run.look().await;
        run.agree().await;
        run.peace().await;
    }
    run.ends().await
}

async fn start(options: &Options) -> Cluster {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    let settings = Cluster::builder(Engine::Redis).instances(options.instances);
    let settings = settings.set("RUANG_LEASE", &millis(options.lease)).set("RUANG_LEAVE_GRACE", &millis(options.grace));
    let settings = settings.set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_CONNECTIONS_PER_ADDRESS", "0");
    settings.set("RUANG_HISTORY", "1000000").start().await
}

impl Run {
    /// Some faults to servers, and meanwhile turns of people.
    async fn round(&mut self) {
        let Self { fault_injector, people, faults, turns, began, options, turned, .. } = self;
        let servers = async {
            for _ in 0..options.round {
                let (wait, fault) = faults.next();
                time::sleep(wait).await;
                fault_injector.does(fault).await;
                if began.elapsed() >= options.lasting {
                    break;
                }
            }
        };
        let others = async {
            loop {
                let (wait, whose, turn) = turns.next();
                time::sleep(wait).await;
                let person = &people[whose % people.len()];
                let from = began.elapsed();
                let what = format!("{} {turn:?}", person.name);
                let to = from + turn.away_for();
                turned.push(Done { kind: turn.kind(), what, from, to, recovers_from: None, deafening: false });
                person.obeys(Order::Turn(turn)).await;
            }
        };
        tokio::select! {
            () = servers => {}
            () = others => {}
        }
    }

    async fn look(&mut self) {
        if let Some(soak) = &mut self.soak {
            soak.look(&self.fault_injector.cluster.instances[0]).await;
        }
    }

    /// Looks how soon all instances have the same roster.
    async fn agree(&mut self) {
        let (at, began) = (self.began.elapsed(), Instant::now());
        let mut took = None;
        while took.is_none() && began.elapsed() < GENEROUS {
            time::sleep(LOOK).await;
            let rosters = self.rosters().await;
            let first = &rosters[0].1;
            let agree = !first.is_empty() && rosters.iter().all(|(_, roster)| roster == first);
            took = agree.then(|| began.elapsed());
        }
        self.agreed.push(Agreed { at, took });
    }

    /// Waits until everybody is back, sends one away, and looks how soon all rosters are the truth.
    async fn peace(&mut self) {
        let first = self.settled.is_empty();
        soon(BACK, || self.people.iter().all(|person| person.is(|state| state.here && state.done))).await;
        let away = self.settled.len() % self.people.len();
        let mut truth: BTreeSet<_> = self.people.iter().map(|person| person.name.clone()).collect();
        if !first {
            self.people[away].obeys(Order::StayAway).await;
            truth.remove(&self.people[away].name);
            // Earlier connections of theirs may be held by an instance that drained, and goes in its own time.
            time::sleep(self.options.grace.max(self.options.lease) + Duration::from_secs(1)).await;
        }
        let looked = self.compare(truth).await;
        self.settled.push(looked);
        if !first {
            self.people[away].obeys(Order::Back).await;
        }
    }

    async fn compare(&self, truth: BTreeSet<String>) -> Settled {
        let (at, began) = (self.began.elapsed(), Instant::now());
        let mut rosters = Vec::new();
        while began.elapsed() < GENEROUS {
            rosters = self.rosters().await;
            if rosters.iter().all(|(_, roster)| *roster == truth) {
                return Settled { at, took: Some(began.elapsed()), truth, rosters };
            }
            time::sleep(LOOK).await;
        }
        Settled { at, took: None, truth, rosters }
    }

    /// What each instance says now.
    async fn rosters(&self) -> Vec<(String, BTreeSet<String>)> {
        let http_clients: Vec<_> = self.people.iter().map(|person| person.http_client.borrow().clone()).collect();
        let mut rosters = Vec::new();
        for instance in &self.fault_injector.cluster.instances {
            rosters.push((instance.base().to_owned(), roster(&http_clients, instance.base()).await));
        }
        rosters
    }

    /// Everybody falls silent, sees all there is, and goes.
    async fn ends(self) -> Record {
        for person in &self.people {
            person.obeys(Order::Hush).await;
        }
        soon(BACK, || self.people.iter().all(|person| person.is(|state| state.here && state.idle && state.done))).await;
        let http_client = self.people[0].http_client.borrow().with_base(self.fault_injector.cluster.base(0));
        let log = whole_log(&http_client).await;
        let newest = log.last().map(|said| said.id.clone());
        soon(GENEROUS, || self.people.iter().all(|person| person.is(|state| state.last == newest))).await;
        let mut histories = Vec::new();
        for Person { orders, histories: all, .. } in self.people {
            drop(orders);
            histories.extend(all.await.expect("a person who does not panic"));
        }
        let samples = match self.soak {
            Some(soak) => soak.end().await,
            None => vec![],
        };
        let mut faults = [self.fault_injector.done, self.turned].concat();
        faults.sort_by_key(|fault| fault.from);
        let Options { lease, grace, .. } = self.options;
        Record {
            log,
            histories,
            downs: self.fault_injector.downs,
            faults,
            agreed: self.agreed,
            settled: self.settled,
            samples,
            lease,
            grace,
        }
    }
}

impl Person {
    fn is(&self, so: impl Fn(&State) -> bool) -> bool {
        so(&self.state.borrow())
    }

    async fn obeys(&self, order: Order) {
        self.orders.send(order).await.expect("a person who does not panic");
    }
}

/// Waits until it is so; that it never was is for the checker to see.
async fn soon(limit: Duration, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() && began.elapsed() < limit {
        time::sleep(LOOK).await;
    }
}

/// What an instance tells the first of these who is not just signed out; nothing if it tells nobody.
async fn roster(http_clients: &[HttpClient], base: &str) -> BTreeSet<String> {
    for http_client in http_clients {
        match http_client.with_base(base).try_get("/api/members?limit=200").await {
            Ok(response) if response.status == 200 => return ours(&response.json()["members"]).collect(),
            Ok(response) if response.status == 401 => {}
            Ok(_) | Err(_) => break,
        }
    }
    BTreeSet::new()
}

/// All that was ever kept, oldest first.
async fn whole_log(http_client: &HttpClient) -> Vec<ChatMessage> {
    let mut pages = Vec::new();
    let mut path = "/api/messages?limit=200".to_owned();
    loop {
        let page = http_client.get(&path).await.is(200).json();
        let messages: Vec<_> = page["messages"].as_array().into_iter().flatten().map(said).collect();
        let first = messages.first().map(|said| said.id.clone());
        pages.push(messages);
        match first.filter(|_| page["more"] == true) {
            Some(first) => path = format!("/api/messages?limit=200&before={first}"),
            None => return pages.into_iter().rev().flatten().collect(),
        }
    }
}
