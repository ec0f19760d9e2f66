//! A participant that runs `docs/clients/complete.py` over TLS, and records the frames that the program prints.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, watch},
    time::{self, Instant},
};

use crate::kit::{HttpClient, tls_front::TlsFront};

use super::{
    connection::{FrameReader, Incoming},
    participant::{Instruction, Participant, ParticipantState, SEND_INTERVAL, STEP},
    plan::PersonAction,
    record::{EndReason, Event, History},
    tab::Addresses,
};

/// Pause before the program is started again after a refused sign-in.
const RETRY: Duration = Duration::from_millis(500);
/// The number of the program's first history in messages; tab 0 is a browser's.
const FIRST_RUN: usize = 100;

/// A run of the program.
struct ProgramRun {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    frames: FrameReader,
    history: History,
    /// Whether a connection is open.
    is_connected: bool,
    was_connected: bool,
    present: bool,
    /// Whether a message waits for its ack.
    waits: bool,
    last: Option<String>,
    signs_out: bool,
}

struct ProgramTask {
    name: String,
    front: TlsFront,
    began: Instant,
    run: Option<ProgramRun>,
    histories: Vec<History>,
    start_at: Instant,
    away_until: Option<Instant>,
    sends: bool,
    message: u64,
    next_send: Instant,
}

/// Starts the participant.
pub async fn start(name: String, addresses: Addresses, began: Instant) -> Participant {
    let (instructions, received) = mpsc::channel(32);
    let (shown, state) = watch::channel(ParticipantState::default());
    let base = addresses.lock().unwrap()[0].clone();
    // It has no session: the sessions of the others read the rosters.
    let (_, http_client) = watch::channel(HttpClient::new(&base));
    let now = Instant::now();
    let task = ProgramTask {
        name: name.clone(),
        front: TlsFront::start(addresses).await,
        began,
        run: None,
        histories: Vec::new(),
        start_at: now,
        away_until: None,
        sends: true,
        message: 0,
        next_send: now,
    };
    Participant { name, instructions, state, http_client, histories: tokio::spawn(task.run(received, shown)) }
}

impl ProgramTask {
    async fn run(
        mut self,
        mut received: mpsc::Receiver<Instruction>,
        shown: watch::Sender<ParticipantState>,
    ) -> Vec<History> {
        loop {
            let wake = Instant::now() + STEP;
            match time::timeout_at(wake, self.next_line()).await {
                Ok(Some(line)) => self.apply(&line),
                Ok(None) => self.exited().await,
                Err(_) => {}
            }
            match received.try_recv() {
                Ok(instruction) => self.follow(instruction),
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => break,
            }
            self.step().await;
            let state = self.state(received.is_empty());
            shown.send_if_modified(|state_now| {
                let is_new = *state_now != state;
                *state_now = state;
                is_new
            });
        }
        if let Some(mut run) = self.run.take() {
            run.end(self.began, EndReason::RunOver);
            self.histories.push(run.history);
        }
        self.histories
    }

    /// Returns the next line of the program; `None` once it has exited.
    async fn next_line(&mut self) -> Option<String> {
        match &mut self.run {
            Some(run) => run.output.next_line().await.ok().flatten(),
            None => std::future::pending().await,
        }
    }

    fn state(&self, done: bool) -> ParticipantState {
        let Some(run) = &self.run else { return ParticipantState { done, idle: true, ..ParticipantState::default() } };
        ParticipantState { present: run.present, idle: !run.waits, last: run.last.clone(), done }
    }

    /// Starts the program, opens the network again, or sends a message, as far as due.
    async fn step(&mut self) {
        let now = Instant::now();
        if self.away_until.is_some_and(|until| until <= now) {
            self.away_until = None;
            self.front.set_open(true);
        }
        if self.run.is_none() && self.start_at <= now {
            self.run = Some(ProgramRun::start(&self.name, FIRST_RUN + self.histories.len(), &self.front));
        }
        let Some(run) = self.run.as_mut().filter(|run| run.present && !run.waits && !run.signs_out) else { return };
        if self.sends && self.next_send <= now {
            self.message += 1;
            self.next_send = now + SEND_INTERVAL;
            run.waits = true;
            // A program that has exited shows by the end of its output.
            let _ = run.input.write_all(format!("{} berkata {}\n", self.name, self.message).as_bytes()).await;
        }
    }

    fn follow(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::PersonAction(PersonAction::Away(duration)) => self.leave(Instant::now() + duration),
            // The program has one connection.
            Instruction::PersonAction(PersonAction::SecondTab(_)) => {}
            Instruction::PersonAction(PersonAction::SignOut(duration)) => self.sign_out(duration),
            Instruction::StayAway => self.leave(Instant::now() + Duration::from_secs(3600)),
            Instruction::Return => self.leave(Instant::now()),
            Instruction::StopSending => self.sends = false,
        }
    }

    /// Closes the network until then.
    fn leave(&mut self, until: Instant) {
        self.front.set_open(false);
        self.away_until = Some(until);
        if let Some(run) = &mut self.run {
            run.present = false;
        }
    }

    fn sign_out(&mut self, duration: Duration) {
        let began = self.began;
        let Some(run) = self.run.as_mut().filter(|run| run.present && !run.signs_out) else { return };
        run.note(began, Event::SignOutRequested);
        (run.signs_out, run.present) = (true, false);
        self.start_at = Instant::now() + duration;
        if let Some(pid) = run.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends the history of a run whose program has exited.
    async fn exited(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        let status = run.child.wait().await.expect("its exit status");
        if run.signs_out && status.success() {
            run.note(self.began, Event::SignedOutConfirmed);
            run.end(self.began, EndReason::SignedOut);
        } else {
            if run.was_connected {
                run.note(self.began, Event::Error(format!("the program ended by itself: {status}")));
            }
            run.end(self.began, EndReason::Cut);
            self.start_at = Instant::now() + RETRY;
        }
        self.histories.push(run.history);
    }

    fn apply(&mut self, line: &str) {
        let (began, is_away) = (self.began, self.away_until.is_some());
        let Some(run) = &mut self.run else { return };
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        if line["connected"] == true {
            run.connected(began, self.front.upgraded().unwrap_or_default());
        } else if let Some(status) = line["refused"].as_u64() {
            run.note(began, Event::UpgradeRefusal(u16::try_from(status).unwrap_or_default()));
        } else if let Some(frame) = line.get("received") {
            run.received(began, frame);
        } else if line["sent"]["type"] == "message" {
            run.note(began, Event::Sent(line["sent"]["nonce"].as_str().unwrap_or_default().to_owned()));
        } else if let Some(code) = line.get("ended") {
            let code = code.as_u64().and_then(|code| u16::try_from(code).ok());
            let how = if is_away { EndReason::Cut } else { run.frames.end(code) };
            run.end(began, how);
        }
    }
}

impl ProgramRun {
    fn start(name: &str, number: usize, front: &TlsFront) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/clients/complete.py");
        let mut command = Command::new("python3");
        command.args([file, &front.url(), name, "--json", "--ping", "1", "--answer", "2"]);
        command.env("SSL_CERT_FILE", front.ca_file()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python3 runs: tests/run installs it");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self {
            child,
            input,
            output,
            frames: FrameReader::default(),
            history: History { person: name.to_owned(), tab: number, events: Vec::new() },
            is_connected: false,
            was_connected: false,
            present: false,
            waits: false,
            last: None,
            signs_out: false,
        }
    }

    fn connected(&mut self, began: Instant, base: String) {
        self.frames = FrameReader::default();
        (self.is_connected, self.was_connected) = (true, true);
        self.note(began, Event::Connected(base));
    }

    fn received(&mut self, began: Instant, frame: &Value) {
        let Incoming::Event(event) = self.frames.read(frame) else { return };
        match &event {
            Event::Welcome { messages, .. } => {
                self.last = messages.last().map(|message| message.id.clone()).or(self.last.take());
                self.present = !self.signs_out;
            }
            Event::Message(message) => self.last = Some(message.id.clone()),
            Event::Ack(..) => self.waits = false,
            _ => {}
        }
        self.note(began, event);
    }

    fn end(&mut self, began: Instant, how: EndReason) {
        if self.is_connected {
            self.note(began, Event::Ended(how));
        }
        (self.is_connected, self.present) = (false, false);
    }

    fn note(&mut self, began: Instant, event: Event) {
        self.history.events.push((began.elapsed(), event));
    }
}
