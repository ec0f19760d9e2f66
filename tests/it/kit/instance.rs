//! One running `ruang`.

use std::{process::Command, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::{
    http_client::HttpClient,
    process::Process,
    wait::{SOON, eventually},
};

/// The text that the binary prints before its address.
const OPEN_AT: &str = "ruang is open at ";

/// The program under test; another one, to see that a test fails with it.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
fn program() -> String {
    std::env::var("RUANG_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ruang").to_owned())
}

/// A process of the binary under test, on a free port.
pub struct Instance {
    base: String,
    process: Process,
}

impl Instance {
    /// Starts an instance with only these settings in its environment; returns once it listens.
    pub async fn start(name: &str, settings: &[(String, String)]) -> Self {
        Self::start_program(&program(), name, settings).await
    }

    /// Does the same with another program.
    pub async fn start_program(program: &str, name: &str, settings: &[(String, String)]) -> Self {
        let mut command = Command::new(program);
        command.env_clear();
        command.env("RUANG_LISTEN", "127.0.0.1:0");
        command.envs(settings.iter().map(|(key, value)| (key, value)));
        let mut process = Process::spawn(name, &mut command);
        let line = process.wait_for_line(OPEN_AT, SOON).await;
        let address = line.split(OPEN_AT).nth(1).unwrap_or_default().trim();
        // Without the path of the site.
        let base = address.split('/').take(3).collect::<Vec<_>>().join("/");
        Self { base, process }
    }

    /// Returns a command of the binary with an empty environment.
    pub fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ruang"));
        command.env_clear();
        command
    }

    /// Returns the base URL: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the address: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Returns the lines of standard output.
    pub fn stdout(&self) -> Vec<String> {
        self.process.stdout()
    }

    /// Returns the log.
    pub fn log(&self) -> String {
        self.process.stderr().join("\n")
    }

    /// Waits until the log contains this text.
    pub async fn wait_for_log(&self, text: &str, limit: Duration) {
        eventually(limit, text, || async { if self.log().contains(text) { Ok(()) } else { Err(self.log()) } }).await;
    }

    /// Returns the resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Returns the number of open descriptors.
    pub fn open_files(&self) -> u64 {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs");
        open.count() as u64
    }

    /// Limits its open descriptors to this number.
    pub fn limit_open_files(&self, files: u64) {
        let limit = Rlimit { current: Some(files), maximum: Some(files) };
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        prlimit(pid, Resource::Nofile, limit).expect("a limit that can be set");
    }

    /// Returns the status of a GET, or the error.
    pub async fn status(&self, path: &str) -> Result<u16, String> {
        let response = HttpClient::new(&self.base).try_get(path).await;
        response.map(|response| response.status).map_err(|error| error.to_string())
    }

    /// Waits until `/readyz` returns this status.
    pub async fn wait_for_readyz(&self, status: u16, limit: Duration) {
        eventually(limit, &format!("/readyz of {} returns {status}", self.base), || async {
            match self.status("/readyz").await? {
                found if found == status => Ok(()),
                found => Err(format!("{found}")),
            }
        })
        .await;
    }

    /// Sends SIGTERM, as an orchestrator does.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Sends SIGHUP, as a closing terminal does.
    pub fn hang_up(&self) {
        self.process.signal(Signal::HUP);
    }

    /// Waits for the process to exit.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait_for_exit(limit).await
    }

    /// Kills the process.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops the process with SIGSTOP.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }
}
