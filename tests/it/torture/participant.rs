//! A participant: chats, and follows instructions to leave, return, open a second tab or sign out.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{self, Instant},
};

use crate::kit::{HttpClient, Response};

use super::{
    connection::TIMEOUT,
    plan::PersonAction,
    record::{EndReason, Event, History},
    tab::{Addresses, Tab, sign_in},
};

/// Pause before the next message.
pub const SEND_INTERVAL: Duration = Duration::from_millis(300);
/// Number of its newest messages that a participant may change.
const CHANGED: usize = 20;
/// Interval of looking for instructions.
pub const STEP: Duration = Duration::from_millis(50);

/// An instruction to a participant.
#[derive(Clone, Copy, Debug)]
pub enum Instruction {
    /// A planned action.
    PersonAction(PersonAction),
    /// Close the tab and stay away until [`Return`](Self::Return).
    StayAway,
    /// End of [`StayAway`](Self::StayAway).
    Return,
    /// Send no more messages.
    StopSending,
}

/// The state of a participant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParticipantState {
    /// In the room.
    pub present: bool,
    /// No message waits for its ack.
    pub idle: bool,
    /// The newest message shown.
    pub last: Option<String>,
    /// No instruction or second tab is in progress.
    pub done: bool,
}

/// A handle of a participant. Dropping `instructions` ends the participant.
pub struct Participant {
    /// The name.
    pub name: String,
    /// The sender of instructions.
    pub instructions: mpsc::Sender<Instruction>,
    /// The present state.
    pub state: watch::Receiver<ParticipantState>,
    /// The client with the session.
    pub http_client: watch::Receiver<HttpClient>,
    /// The histories of all tabs, at the end.
    pub histories: JoinHandle<Vec<History>>,
}

struct ParticipantTask {
    name: String,
    tab: Tab,
    second_tabs: JoinSet<History>,
    addresses: Addresses,
    began: Instant,
    seed: u64,
    message: u64,
    rng: StdRng,
    sends: bool,
    /// When the participant returns; `None` = not away, far future = until instructed.
    away_until: Option<Instant>,
    next_send: Instant,
    tabs: usize,
    session: watch::Sender<HttpClient>,
}

impl Participant {
    /// Starts a participant.
    pub fn start(name: String, addresses: Addresses, began: Instant, seed: u64) -> Self {
        let (instructions, received) = mpsc::channel(32);
        let (shown, state) = watch::channel(ParticipantState::default());
        let base = addresses.lock().unwrap()[0].clone();
        let (session, http_client) = watch::channel(HttpClient::new(&base));
        let tab = Tab::new(HttpClient::new(&base), &name, 0, addresses.clone(), began, seed);
        let life = ParticipantTask {
            name: name.clone(),
            tab,
            second_tabs: JoinSet::new(),
            addresses,
            began,
            seed,
            message: 0,
            rng: StdRng::seed_from_u64(seed ^ 0xed17),
            sends: true,
            away_until: None,
            next_send: Instant::now(),
            tabs: 0,
            session,
        };
        Self { name, instructions, state, http_client, histories: tokio::spawn(life.run(received, shown)) }
    }
}

impl ParticipantTask {
    async fn run(
        mut self,
        mut received: mpsc::Receiver<Instruction>,
        shown: watch::Sender<ParticipantState>,
    ) -> Vec<History> {
        self.sign_in().await;
        let mut histories = Vec::new();
        loop {
            match received.try_recv() {
                Ok(order) => self.follow(order).await,
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => break,
            }
            self.step().await;
            while let Some(history) = self.second_tabs.try_join_next() {
                histories.push(history.expect("a tab that does not panic"));
            }
            let state = ParticipantState {
                present: self.tab.present,
                idle: self.tab.unacked.is_none(),
                last: self.tab.last.clone(),
                done: self.second_tabs.is_empty() && received.is_empty(),
            };
            shown.send_if_modified(|state_now| {
                let is_new = *state_now != state;
                *state_now = state;
                is_new
            });
        }
        self.tab.end(EndReason::RunOver);
        histories.push(self.tab.history);
        while let Some(history) = self.second_tabs.join_next().await {
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
        if self.sends && self.tab.present && self.tab.unacked.is_none() && self.next_send <= Instant::now() {
            self.message += 1;
            self.next_send = Instant::now() + SEND_INTERVAL;
            self.act();
        }
        if !self.tab.run_until(soon).await {
            // The session has ended without a sign-out.
            self.tab.note(Event::Error("the session ended by itself".to_owned()));
            self.sign_in().await;
        }
    }

    /// Sends a message, or changes one of the newest own ones.
    fn act(&mut self) {
        let (nonce, text) =
            (format!("{}-{}", self.name, self.message), format!("{} berkata {}", self.name, self.message));
        let newest = self.tab.own.iter().rev().take(CHANGED).cloned().collect::<Vec<_>>();
        match (self.rng.random_range(0..10), newest.choose(&mut self.rng)) {
            (0..=2, Some(id)) => self.tab.send_change(nonce, id, Some(&text)),
            (3, Some(id)) => self.tab.send_change(nonce, id, None),
            _ => self.tab.send_text(nonce, &text),
        }
    }

    async fn follow(&mut self, order: Instruction) {
        match order {
            Instruction::PersonAction(PersonAction::Away(duration)) => self.leave(Instant::now() + duration),
            Instruction::PersonAction(PersonAction::SecondTab(duration)) => self.second_tab(duration),
            Instruction::PersonAction(PersonAction::SignOut(duration)) => {
                self.sign_out().await;
                self.away_until = Some(Instant::now() + duration);
                // The unacknowledged message is sent again in the new session: nonces belong to the person.
                self.sign_in().await;
            }
            Instruction::StayAway => self.leave(Instant::now() + Duration::from_secs(3600)),
            Instruction::Return => self.away_until = None,
            Instruction::StopSending => self.sends = false,
        }
    }

    fn leave(&mut self, until: Instant) {
        self.tab.end(EndReason::Cut);
        self.away_until = Some(until);
    }

    fn second_tab(&mut self, duration: Duration) {
        self.tabs += 1;
        let seed = self.seed.wrapping_mul(31).wrapping_add(self.tabs as u64);
        let http_client = self.tab.http_client.clone();
        let mut tab = Tab::new(http_client, &self.name, self.tabs, self.addresses.clone(), self.began, seed);
        self.second_tabs.spawn(async move {
            tab.run_until(Instant::now() + duration).await;
            tab.end(EndReason::Cut);
            tab.history
        });
    }

    async fn sign_in(&mut self) {
        let base = self.tab.random_address();
        let (http_client, name) = (HttpClient::new(&base), self.name.clone());
        self.tab.change_session(http_client.clone());
        sign_in(&http_client, &name, || self.tab.random_address()).await;
        self.session.send_replace(http_client);
    }

    /// Signs out, at any instance, until it succeeds.
    async fn sign_out(&mut self) {
        self.tab.note(Event::SignOutRequested);
        loop {
            let address = self.tab.random_address();
            let http_client = self.tab.http_client.with_base(&address);
            let request = http_client.request(reqwest::Method::POST, "/logout");
            if let Ok(Ok(response)) = time::timeout(TIMEOUT, Response::try_to(request)).await
                && response.status == 303
            {
                break;
            }
            time::sleep(STEP).await;
        }
        self.tab.note(Event::SignedOutConfirmed);
        // The other tabs notice by themselves.
        self.tab.end(EndReason::SignedOut);
    }
}
