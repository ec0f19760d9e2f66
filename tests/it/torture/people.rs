//! Somebody who is in the room, talks, and does what they are told: goes, comes back, opens a second tab.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{self, Instant},
};

use crate::kit::{HttpClient, Response};

use super::{
    plan::Turn,
    record::{Event, History, How},
    tab::{Doors, Tab, sign_in},
    wire::PATIENCE,
};

/// How long somebody thinks before they say the next thing.
const THINKING: Duration = Duration::from_millis(300);
/// How often orders are looked for.
const STEP: Duration = Duration::from_millis(50);

/// What a person is told to do.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// As planned.
    Turn(Turn),
    /// Close the tab, and stay away until told to be back.
    StayAway,
    /// End of [`StayAway`](Self::StayAway).
    Back,
    /// Say nothing more.
    Hush,
}

/// How a person is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// In the room.
    pub here: bool,
    /// Nothing they said waits for its ack.
    pub idle: bool,
    /// The newest message shown.
    pub last: Option<String>,
    /// Nothing they were told is still under way, second tabs neither.
    pub done: bool,
}

/// A person, from outside. Dropping the orders ends the person.
pub struct Person {
    /// Their name.
    pub name: String,
    /// Where to tell them.
    pub orders: mpsc::Sender<Order>,
    /// How they are.
    pub state: watch::Receiver<State>,
    /// Their session.
    pub http_client: watch::Receiver<HttpClient>,
    /// All of their tabs, in the end.
    pub histories: JoinHandle<Vec<History>>,
}

struct Life {
    name: String,
    tab: Tab,
    others: JoinSet<History>,
    doors: Doors,
    began: Instant,
    seed: u64,
    said: u64,
    talks: bool,
    /// When they come back; none while they are not away, the far future while told to stay so.
    away_until: Option<Instant>,
    next_word: Instant,
    tabs: usize,
    session: watch::Sender<HttpClient>,
}

impl Person {
    /// Lets somebody come in.
    pub fn enters(name: String, doors: Doors, began: Instant, seed: u64) -> Self {
        let (orders, told) = mpsc::channel(32);
        let (shown, state) = watch::channel(State::default());
        let base = doors.lock().unwrap()[0].clone();
        let (session, http_client) = watch::channel(HttpClient::new(&base));
        let tab = Tab::new(HttpClient::new(&base), &name, 0, doors.clone(), began, seed);
        let life = Life {
            name: name.clone(),
            tab,
            others: JoinSet::new(),
            doors,
            began,
            seed,
            said: 0,
            talks: true,
            away_until: None,
            next_word: Instant::now(),
            tabs: 0,
            session,
        };
        Self { name, orders, state, http_client, histories: tokio::spawn(life.run(told, shown)) }
    }
}

impl Life {
    async fn run(mut self, mut told: mpsc::Receiver<Order>, shown: watch::Sender<State>) -> Vec<History> {
        self.signs_in().await;
        let mut histories = Vec::new();
        loop {
            match told.try_recv() {
                Ok(order) => self.obey(order).await,
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => break,
            }
            self.step().await;
            while let Some(history) = self.others.try_join_next() {
                histories.push(history.expect("a tab that does not panic"));
            }
            let state = State {
                here: self.tab.here,
                idle: self.tab.unacked.is_none(),
                last: self.tab.last.clone(),
                done: self.others.is_empty() && told.is_empty(),
            };
            shown.send_if_modified(|known| {
                let news = *known != state;
                *known = state;
                news
            });
        }
        self.tab.end(How::Over);
        histories.push(self.tab.history);
        while let Some(history) = self.others.join_next().await {
            histories.push(history.expect("a tab that does not panic"));
        }
        histories
    }

    async fn step(&mut self) {
        let soon = Instant::now() + STEP;
        if self.away_until.is_some_and(|until| until > Instant::now()) {
            return time::sleep_until(soon).await;
        }
        self.away_until = None;
        if self.talks && self.tab.here && self.tab.unacked.is_none() && self.next_word <= Instant::now() {
            self.said += 1;
            self.next_word = Instant::now() + THINKING;
            self.tab.send_text(format!("{}-{}", self.name, self.said), format!("{} berkata {}", self.name, self.said));
        }
        if !self.tab.live(soon).await {
            // The session has ended, though nobody signed out.
            self.tab.note(Event::Error("the session ended by itself".to_owned()));
            self.signs_in().await;
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Turn(Turn::Away(how_long)) => self.goes(Instant::now() + how_long),
            Order::Turn(Turn::SecondTab(how_long)) => self.second_tab(how_long),
            Order::Turn(Turn::SignOut(how_long)) => {
                self.signs_out().await;
                self.away_until = Some(Instant::now() + how_long);
                // What is unacked goes out again under the new session: nonces belong to the person.
                self.signs_in().await;
            }
            Order::StayAway => self.goes(Instant::now() + Duration::from_secs(3600)),
            Order::Back => self.away_until = None,
            Order::Hush => self.talks = false,
        }
    }

    fn goes(&mut self, until: Instant) {
        self.tab.end(How::Cut);
        self.away_until = Some(until);
    }

    fn second_tab(&mut self, how_long: Duration) {
        self.tabs += 1;
        let seed = self.seed.wrapping_mul(31).wrapping_add(self.tabs as u64);
        let http_client = self.tab.http_client.clone();
        let mut tab = Tab::new(http_client, &self.name, self.tabs, self.doors.clone(), self.began, seed);
        self.others.spawn(async move {
            tab.live(Instant::now() + how_long).await;
            tab.end(How::Cut);
            tab.history
        });
    }

    async fn signs_in(&mut self) {
        let base = self.tab.a_door();
        self.tab.http_client = HttpClient::new(&base);
        let (http_client, name) = (self.tab.http_client.clone(), self.name.clone());
        sign_in(&http_client, &name, || self.tab.a_door()).await;
        self.session.send_replace(http_client);
    }

    /// Signs out, wherever that works, for as long as it takes.
    async fn signs_out(&mut self) {
        self.tab.note(Event::SigningOut);
        loop {
            let door = self.tab.a_door();
            let http_client = self.tab.http_client.with_base(&door);
            let request = http_client.request(reqwest::Method::POST, "/logout");
            if let Ok(Ok(response)) = time::timeout(PATIENCE, Response::try_to(request)).await
                && response.status == 303
            {
                break;
            }
            time::sleep(STEP).await;
        }
        self.tab.note(Event::Out);
        // The other tabs hear of it by themselves.
        self.tab.end(How::SignedOut);
    }
}
