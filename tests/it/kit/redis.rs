//! A real Redis for one test.

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

/// A redis-server with an append-only file in a temporary directory. Dropping it removes both.
pub struct Redis {
    port: u16,
    dir: TempDir,
    arguments: Vec<String>,
    process: Option<Process>,
}

/// A position in its append-only file.
pub struct AofPosition {
    file: PathBuf,
    length: u64,
}

impl Redis {
    /// Starts Redis and waits until it serves.
    pub async fn start() -> Self {
        let mut redis = Self::stopped();
        redis.restart().await;
        redis
    }

    /// Starts Redis with these additional arguments and waits until it serves.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let mut redis = Self::stopped();
        redis.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        redis.restart().await;
        redis
    }

    /// Reserves an address without a server: [`restart`](Self::restart) starts it.
    pub fn stopped() -> Self {
        let dir = scratch();
        Self { port: free_port(), dir, arguments: Vec::new(), process: None }
    }

    /// Returns the value for `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its data directory.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// Stops it with SIGSTOP: connections stay open without replies.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it (again) at the same address, from the same file, and waits until it serves.
    pub async fn restart(&mut self) {
        self.start_loading();
        self.wait_until_serving().await;
    }

    /// Starts it (again) at the same address, from the same file, without waiting until the file is loaded.
    pub fn start_loading(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--dir"]).arg(self.dir.path());
        command.args(["--include", &shipped("redis.conf")]).args(&self.arguments);
        self.process = Some(Process::spawn("redis-server", &mut command));
    }

    /// Waits until it has loaded its file and serves.
    pub async fn wait_until_serving(&mut self) {
        self.wait_for_log("Ready to accept connections").await;
    }

    /// Waits until its log contains this text.
    pub async fn wait_for_log(&mut self, text: &str) {
        self.process.as_mut().expect("Redis runs").wait_for_line(text, SOON).await;
    }

    /// Adds an argument from its next start on.
    pub fn configure(&mut self, name: &str, value: &str) {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
    }

    /// Returns the end of its append-only file.
    pub fn aof_position(&self) -> AofPosition {
        let file = self.data_dir().join("appendonlydir").join("appendonly.aof.1.incr.aof");
        AofPosition { length: fs::metadata(&file).expect("an append-only file").len(), file }
    }

    /// Truncates the append-only file of a stopped Redis to this position, as the loss of its machine does.
    pub fn truncate_aof(&self, position: &AofPosition) {
        let file = fs::File::options().write(true).open(&position.file).expect("an append-only file");
        file.set_len(position.length).expect("a file that can be truncated");
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("Redis runs").signal(signal);
    }
}

/// Returns the path of a shipped configuration file.
pub fn shipped(file: &str) -> String {
    format!("{}/deploy/redis/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command through redis-cli and returns the reply.
pub async fn command(redis: &Redis, arguments: &[&str]) -> String {
    command_at(redis.port(), arguments).await
}

/// Runs a command through redis-cli on this port of 127.0.0.1 and returns the reply.
pub async fn command_at(port: u16, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(arguments);
    let output = within(SOON, "redis-cli", command.output()).await.expect("redis-cli runs");
    let response = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !response.starts_with("ERR"), "{arguments:?}: {response}");
    response
}

/// Returns everything that Redis stores.
pub async fn everything(redis: &Redis) -> String {
    let script = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
        local kind = redis.call('TYPE', key).ok \
        local read = { stream = { 'XRANGE', key, '-', '+' }, hash = { 'HGETALL', key }, string = { 'GET', key }, \
            zset = { 'ZRANGE', key, 0, -1 } } \
        all[#all + 1] = { key, redis.call(unpack(read[kind])) } end return all";
    command(redis, &["EVAL", script, "0"]).await
}
