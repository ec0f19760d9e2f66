//! The benchmark's side of a generator.

use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use crate::{
    generator::request::{Arrive, ArriveResult, Load, LoadResult, Open, OpenResult, Reply, Request, StormResult},
    process::{Failure, Process},
};

/// Time that a request may take beyond its own duration.
const TOLERANCE: Duration = Duration::from_secs(120);

/// A running generator.
pub struct Driver {
    requests: ChildStdin,
    replies: Receiver<String>,
    _process: Process,
}

impl Driver {
    pub fn start() -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("generator");
        let mut process =
            Process::spawn_with(&command, |command| command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let child = process.child();
        let (Some(requests), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the generator has no pipes".into());
        };
        let (sender, replies) = sync_channel(1);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { requests, replies, _process: process })
    }

    pub fn open(&mut self, open: Open) -> Result<OpenResult, Failure> {
        let limit = Duration::from_secs_f64(open.over_seconds);
        match self.request(&Request::Open(open), limit)? {
            Reply::OpenResult(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    pub fn load(&mut self, load: Load) -> Result<LoadResult, Failure> {
        let limit = Duration::from_secs_f64(load.warm_seconds + load.seconds);
        match self.request(&Request::Load(load), limit)? {
            Reply::LoadResult(measured) => Ok(measured),
            other => Err(unexpected(&other)),
        }
    }

    pub fn storm(&mut self, load: Load) -> Result<StormResult, Failure> {
        let limit = Duration::from_secs_f64(load.warm_seconds + load.seconds);
        match self.request(&Request::Storm(load), limit)? {
            Reply::StormResult(stormed) => Ok(stormed),
            other => Err(unexpected(&other)),
        }
    }

    pub fn arrive(&mut self, arrive: Arrive) -> Result<ArriveResult, Failure> {
        let limit = Duration::from_secs_f64(arrive.over_seconds);
        match self.request(&Request::Arrive(arrive), limit)? {
            Reply::ArriveResult(arrived) => Ok(arrived),
            other => Err(unexpected(&other)),
        }
    }

    /// Hides this share of the clients.
    pub fn hide(&mut self, share: f64) -> Result<(), Failure> {
        match self.request(&Request::Hide(share), Duration::ZERO)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub fn slow(&mut self, open: Open) -> Result<OpenResult, Failure> {
        match self.request(&Request::Slow(open), Duration::ZERO)? {
            Reply::OpenResult(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts hostile clients.
    pub fn hostile(&mut self, open: Open) -> Result<OpenResult, Failure> {
        match self.request(&Request::Hostile(open), Duration::ZERO)? {
            Reply::OpenResult(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    fn request(&mut self, request: &Request, limit: Duration) -> Result<Reply, Failure> {
        serde_json::to_writer(&mut self.requests, request)?;
        writeln!(self.requests)?;
        let reply = self.replies.recv_timeout(limit + TOLERANCE);
        match serde_json::from_str(&reply.map_err(|error| format!("no reply of the generator: {error}"))?)? {
            Reply::Failed(why) => Err(format!("generator: {why}").into()),
            reply => Ok(reply),
        }
    }
}

fn unexpected(reply: &Reply) -> Failure {
    format!("unexpected reply of the generator: {reply:?}").into()
}
