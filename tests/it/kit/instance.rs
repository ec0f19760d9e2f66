//! One running `ruang`.

use std::{process::Command, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::{
    http_client::HttpClient,
    process::Process,
    wait::{SOON, eventually},
};

/// What the binary prints, once, before its address.
const OPEN_AT: &str = "ruang is open at ";

/// A process of the binary under test, on a port of its own.
pub struct Instance {
    base: String,
    process: Process,
}

impl Instance {
    /// Starts one with these settings and nothing else in its environment; answers once it listens.
    pub async fn start(name: &str, settings: &[(String, String)]) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_ruang"), name, settings).await
    }

    /// The same of another program.
    pub async fn start_program(program: &str, name: &str, settings: &[(String, String)]) -> Self {
        let mut command = Command::new(program);
        command.env_clear();
        command.env("RUANG_LISTEN", "127.0.0.1:0");
        command.envs(settings.iter().map(|(key, value)| (key, value)));
        let mut process = Process::spawn(name, &mut command);
        let line = process.wait_for_line(OPEN_AT, SOON).await;
        let address = line.split(OPEN_AT).nth(1).unwrap_or_default().trim().trim_end_matches('/');
        Self { base: address.to_owned(), process }
    }

    /// The binary, with an empty environment.
    pub fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ruang"));
        command.env_clear();
        command
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// What it has printed to standard output.
    pub fn stdout(&self) -> Vec<String> {
        self.process.stdout()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.stderr().join("\n")
    }

    /// Waits until it has logged this.
    pub async fn wait_for_log(&self, words: &str, limit: Duration) {
        eventually(limit, words, || async { if self.log().contains(words) { Ok(()) } else { Err(self.log()) } }).await;
    }

    /// The memory it has resident, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// How many descriptors it has open.
    pub fn open_files(&self) -> u64 {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs");
        open.count() as u64
    }

    /// Lets it have no more than so many descriptors open, from now on and for good.
    pub fn limit_open_files(&self, files: u64) {
        let limit = Rlimit { current: Some(files), maximum: Some(files) };
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        prlimit(pid, Resource::Nofile, limit).expect("a limit that can be set");
    }

    /// The status of a GET, or why there was none.
    pub async fn status(&self, path: &str) -> Result<u16, String> {
        let response = HttpClient::new(&self.base).try_get(path).await;
        response.map(|response| response.status).map_err(|error| error.to_string())
    }

    /// Waits until `/readyz` answers this.
    pub async fn wait_for_readyz(&self, status: u16, limit: Duration) {
        eventually(limit, &format!("/readyz of {} answers {status}", self.base), || async {
            match self.status("/readyz").await? {
                found if found == status => Ok(()),
                found => Err(format!("{found}")),
            }
        })
        .await;
    }

    /// Asks it to go, as an orchestrator does.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Closes the terminal that it may have been started from.
    pub fn hang_up(&self) {
        self.process.signal(Signal::HUP);
    }

    /// Waits for it to end.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait_for_exit(limit).await
    }

    /// Takes the process away without a goodbye.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Freezes the process.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }
}
