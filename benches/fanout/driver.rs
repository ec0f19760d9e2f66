//! The benchmark's end of a generator.

use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use crate::{
    generator::order::{Answer, Load, Measured, Open, Opened, Order, Stormed},
    process::{Failure, Process},
};

/// What any order may take beyond the time that it says it takes.
const ALLOWANCE: Duration = Duration::from_secs(120);

/// A generator that runs.
pub struct Driver {
    orders: ChildStdin,
    answers: Receiver<String>,
    _process: Process,
}

impl Driver {
    pub fn start() -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("generator");
        let mut process =
            Process::spawn_with(&command, |command| command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let child = process.child();
        let (Some(orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the generator has no pipes".into());
        };
        let (heard, answers) = sync_channel(1);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { orders, answers, _process: process })
    }

    pub fn open(&mut self, open: Open) -> Result<Opened, Failure> {
        let limit = Duration::from_secs_f64(open.over_seconds);
        match self.ask(&Order::Open(open), limit)? {
            Answer::Opened(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    pub fn load(&mut self, load: Load) -> Result<Measured, Failure> {
        let limit = Duration::from_secs_f64(load.warm_seconds + load.seconds);
        match self.ask(&Order::Load(load), limit)? {
            Answer::Measured(measured) => Ok(measured),
            other => Err(unexpected(&other)),
        }
    }

    pub fn storm(&mut self, load: Load) -> Result<Stormed, Failure> {
        let limit = Duration::from_secs_f64(load.warm_seconds + load.seconds);
        match self.ask(&Order::Storm(load), limit)? {
            Answer::Stormed(stormed) => Ok(stormed),
            other => Err(unexpected(&other)),
        }
    }

    pub fn slow(&mut self, open: Open) -> Result<Opened, Failure> {
        match self.ask(&Order::Slow(open), Duration::ZERO)? {
            Answer::Opened(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    /// Clients that mean harm.
    pub fn hostile(&mut self, open: Open) -> Result<Opened, Failure> {
        match self.ask(&Order::Hostile(open), Duration::ZERO)? {
            Answer::Opened(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, order: &Order, limit: Duration) -> Result<Answer, Failure> {
        serde_json::to_writer(&mut self.orders, order)?;
        writeln!(self.orders)?;
        let answer = self.answers.recv_timeout(limit + ALLOWANCE);
        match serde_json::from_str(&answer.map_err(|error| format!("the generator does not answer: {error}"))?)? {
            Answer::Failed(why) => Err(format!("generator: {why}").into()),
            answer => Ok(answer),
        }
    }
}

fn unexpected(answer: &Answer) -> Failure {
    format!("not what the generator was asked: {answer:?}").into()
}
