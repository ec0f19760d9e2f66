//! A real Redis of the test's own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    process::{Process, free_port, scratch},
    wait::{SOON, within},
};

/// A redis-server with an append-only file in a directory of its own, both gone when dropped.
pub struct Redis {
    port: u16,
    dir: TempDir,
    arguments: Vec<String>,
    process: Option<Process>,
}

/// A moment of its append-only file.
pub struct AofPosition {
    file: PathBuf,
    length: u64,
}

impl Redis {
    /// Starts one and waits until it serves.
    pub async fn start() -> Self {
        let mut redis = Self::stopped();
        redis.restart().await;
        redis
    }

    /// Starts one with these arguments besides, and waits until it serves.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let mut redis = Self::stopped();
        redis.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        redis.restart().await;
        redis
    }

    /// An address at which nothing listens yet: [`restart`](Self::restart) starts it.
    pub fn stopped() -> Self {
        let dir = scratch();
        Self { port: free_port(), dir, arguments: Vec::new(), process: None }
    }

    /// What instances are given as `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps its files.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
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

    /// Starts it (again) at the same address, from the same file, and waits until it serves.
    pub async fn restart(&mut self) {
        self.start_loading();
        self.wait_until_serving().await;
    }

    /// Starts it (again) at the same address, from the same file; it may take its time to load that.
    pub fn start_loading(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--dir"]).arg(self.dir.path());
        command.args(["--include", &shipped("redis.conf")]).args(&self.arguments);
        self.process = Some(Process::spawn("redis-server", &mut command));
    }

    /// Waits until it has loaded its file.
    pub async fn wait_until_serving(&mut self) {
        self.wait_for_log("Ready to accept connections").await;
    }

    /// Waits until its log says so.
    pub async fn wait_for_log(&mut self, words: &str) {
        self.process.as_mut().expect("Redis runs").wait_for_line(words, SOON).await;
    }

    /// Gives it one more argument from its next start on.
    pub fn configure(&mut self, name: &str, value: &str) {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
    }

    /// How much of its append-only file is written.
    pub fn aof_position(&self) -> AofPosition {
        let file = self.data_dir().join("appendonlydir").join("appendonly.aof.1.incr.aof");
        AofPosition { length: fs::metadata(&file).expect("an append-only file").len(), file }
    }

    /// While it is stopped: takes away what it wrote since, as when the machine it ran on went with it.
    pub fn truncate_aof(&self, kept: &AofPosition) {
        let file = fs::File::options().write(true).open(&kept.file).expect("an append-only file");
        file.set_len(kept.length).expect("it is ours");
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("Redis runs").signal(signal);
    }
}

/// A file of settings as it is shipped.
pub fn shipped(file: &str) -> String {
    format!("{}/deploy/redis/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Has redis-cli say something to it, and answers what it answers.
pub async fn command(redis: &Redis, words: &[&str]) -> String {
    command_at(redis.port(), words).await
}

/// Has redis-cli say something to whoever listens on this port of 127.0.0.1, and answers what it answers.
pub async fn command_at(port: u16, words: &[&str]) -> String {
    let mut command = tokio::process::Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(words);
    let output = within(SOON, "redis-cli", command.output()).await.expect("redis-cli runs");
    let response = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !response.starts_with("ERR"), "{words:?}: {response}");
    response
}
