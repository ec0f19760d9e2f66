//! A real Redis of the test's own.

use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    process::{Process, free_port},
    wait::{SOON, within},
};

/// A redis-server with an append-only file in a directory of its own, both gone when dropped.
pub struct Redis {
    port: u16,
    dir: TempDir,
    process: Option<Process>,
}

impl Redis {
    /// Starts one and waits until it serves.
    pub async fn start() -> Self {
        let mut redis = Self::not_yet();
        redis.restart().await;
        redis
    }

    /// An address at which nothing listens yet: [`restart`](Self::restart) starts it.
    pub fn not_yet() -> Self {
        Self { port: free_port(), dir: TempDir::new().expect("a directory for Redis"), process: None }
    }

    /// What instances are given as `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it without a goodbye.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it (again) at the same address, from the same file.
    pub async fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--dir"]).arg(self.dir.path()).args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--maxmemory-policy",
            "noeviction",
        ]);
        let mut process = Process::spawn("redis-server", &mut command);
        process.line("Ready to accept connections", SOON).await;
        self.process = Some(process);
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("Redis runs").signal(signal);
    }
}

/// Has redis-cli say something to it, and answers what it answers.
pub async fn command(redis: &Redis, words: &[&str]) -> String {
    let mut command = tokio::process::Command::new("redis-cli");
    command.args(["-p", &redis.port().to_string()]).args(words);
    let output = within(SOON, "redis-cli", command.output()).await.expect("redis-cli runs");
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !answer.starts_with("ERR"), "{words:?}: {answer}");
    answer
}
