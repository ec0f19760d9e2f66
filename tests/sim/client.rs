//! A person: signs in, chats, and does what the plan says.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng, rngs::StdRng};
use ruang::{
    backplane::{NewState, Person},
    name::Name,
    protocol::Text,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    plan::Action,
    random::{generator, millis},
    redis::Redis,
    tab::{Directory, Outcome, Sending, TIMEOUT, Tab},
    torture::record::{EndReason, Event, History, Moment},
    world::World,
};

/// Newest own messages that a person may change.
const CHANGED: usize = 5;

/// A running person.
pub struct Client {
    pub name: String,
    /// Whether they are in the room.
    pub is_present: Arc<AtomicBool>,
    pub histories: JoinHandle<Vec<History>>,
}

/// The arguments of a client.
pub struct Script {
    pub seed: u64,
    pub number: usize,
    pub actions: VecDeque<(Moment, Action)>,
    pub pause_ms: u64,
    /// When to stop sending.
    pub quiet_from: Moment,
    /// When to end.
    pub end: Moment,
}

struct Life {
    world: Arc<World>,
    redis: Arc<Redis>,
    directory: Directory,
    script: Script,
    began: Instant,
    name: Name,
    rng: StdRng,
    tab: Tab,
    signed_in_at: Moment,
    second_tabs: Vec<JoinHandle<History>>,
    tabs: usize,
    messages: u64,
    next_send: Instant,
    away_until: Option<Instant>,
    hidden_until: Option<Instant>,
    is_present: Arc<AtomicBool>,
}

impl Client {
    /// Starts a person.
    pub fn start(world: &Arc<World>, redis: &Arc<Redis>, directory: &Directory, script: Script) -> Self {
        let name = format!("orang{}", script.number);
        let is_present = Arc::new(AtomicBool::new(false));
        let signed_out = Person::new(name.as_str().into(), name.clone(), "-".into());
        let rng = |part| generator(script.seed, part, script.number);
        let life = Life {
            world: Arc::clone(world),
            redis: Arc::clone(redis),
            directory: Arc::clone(directory),
            began: Instant::now() - world.now(),
            name: Name::parse(&name).unwrap(),
            rng: rng("person"),
            tab: Tab::new(world, directory, signed_out, 0, rng("tab")),
            signed_in_at: Moment::ZERO,
            second_tabs: vec![],
            tabs: 0,
            messages: 0,
            next_send: Instant::now(),
            away_until: None,
            hidden_until: None,
            is_present: Arc::clone(&is_present),
            script,
        };
        Self { name, is_present, histories: tokio::spawn(life.run()) }
    }
}

impl Life {
    async fn run(mut self) -> Vec<History> {
        let end = self.began + self.script.end;
        self.sign_in().await;
        while Instant::now() < end {
            self.follow_due().await;
            self.is_present.store(self.tab.present, Ordering::Relaxed);
            self.step(end).await;
            self.is_present.store(self.tab.present, Ordering::Relaxed);
        }
        // A tab that is still connecting has no promise of being up to date.
        self.tab.end(if self.tab.present { EndReason::RunOver } else { EndReason::Cut });
        let mut histories = vec![self.tab.history];
        for tab in self.second_tabs {
            histories.push(tab.await.unwrap());
        }
        histories
    }

    async fn step(&mut self, end: Instant) {
        let now = Instant::now();
        let next_action = self.script.actions.front().map_or(end, |(at, _)| self.began + *at);
        let until = end.min(next_action);
        if let Some(away_until) = self.away_until.filter(|until| *until > now) {
            return sleep_until(away_until.min(until)).await;
        }
        self.away_until = None;
        if self.hidden_until.take_if(|until| *until <= now).is_some() {
            self.tab.attend(true);
        }
        let sends = now < self.began + self.script.quiet_from;
        if sends && self.tab.present && self.tab.outgoing.is_none() && self.next_send <= now {
            self.messages += 1;
            self.next_send = now + millis(&mut self.rng, self.script.pause_ms / 2, self.script.pause_ms);
            let what = self.next_sending();
            self.tab.send(&format!("{}-{}", self.name.shown(), self.messages), what);
        }
        let until = until.min(self.next_send.max(now + Duration::from_millis(200)));
        if self.tab.run_until(until.max(now + Duration::from_millis(1))).await == Outcome::SessionEnded {
            // Only a loss of sessions ends one without a sign-out.
            if self.redis.sessions_lost_at().is_none_or(|lost_at| lost_at < self.signed_in_at) {
                self.tab.note(Event::Error("the session ended by itself".to_owned()));
            }
            self.sign_in().await;
        }
    }

    /// A new message, or a change of one of the newest own ones.
    fn next_sending(&mut self) -> Sending {
        let text = Text::parse(&format!("{} berkata {}", self.name.shown(), self.messages)).unwrap();
        let (choice, newest) = (self.rng.random_range(0..10), self.rng.random_range(0..CHANGED));
        match (choice, self.tab.own.iter().rev().take(CHANGED).nth(newest)) {
            (0..3, Some(id)) => Sending::Change(*id, NewState::Edited(text)),
            (3, Some(id)) => Sending::Change(*id, NewState::Deleted),
            _ => Sending::Message(text),
        }
    }

    async fn follow_due(&mut self) {
        let now = self.world.now();
        while let Some((_, action)) = self.script.actions.pop_front_if(|(at, _)| *at <= now) {
            self.follow(action).await;
        }
    }

    async fn follow(&mut self, action: Action) {
        let now = Instant::now();
        match action {
            Action::Away(time) | Action::Sleep(time) => {
                self.tab.end(EndReason::Cut);
                self.away_until = Some(now + time);
            }
            Action::SecondTab(time) => self.second_tab(time),
            Action::SignOut(time) => {
                self.sign_out().await;
                sleep(time).await;
                self.sign_in().await;
            }
            Action::Hide(time) => {
                self.tab.attend(false);
                self.hidden_until = Some(now + time);
            }
        }
    }

    fn second_tab(&mut self, time: Duration) {
        self.tabs += 1;
        let rng = generator(self.script.seed, "second tab", self.script.number * 1000 + self.tabs);
        let mut tab = Tab::new(&self.world, &self.directory, self.tab.person.clone(), self.tabs, rng);
        self.second_tabs.push(tokio::spawn(async move {
            tab.run_until(Instant::now() + time).await;
            tab.end(EndReason::Cut);
            tab.history
        }));
    }

    /// Signs in, at any instance, until it succeeds.
    async fn sign_in(&mut self) {
        self.tab.end(EndReason::Cut);
        self.is_present.store(false, Ordering::Relaxed);
        while self.world.now() < self.script.end {
            let instance = self.tab.instance();
            let request = instance.request(Arc::clone(&instance).sign_in(self.name.clone()));
            if let Ok(Some(Ok(person))) = timeout(TIMEOUT, request).await {
                self.world.log(|line| line.push_str(&format!("{} signs in", person.name)));
                self.tab.change_session(person);
                self.signed_in_at = self.world.now();
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Signs out, at any instance, until it succeeds.
    async fn sign_out(&mut self) {
        self.tab.note(Event::SignOutRequested);
        self.is_present.store(false, Ordering::Relaxed);
        while self.world.now() < self.script.end {
            let instance = self.tab.instance();
            let request = instance.request(Arc::clone(&instance).sign_out(self.tab.person.clone()));
            if let Ok(Some(true)) = timeout(TIMEOUT, request).await {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        self.tab.note(Event::SignedOutConfirmed);
        self.tab.end(EndReason::SignedOut);
    }
}
