//! A child process whose output is kept, and which ends with its test.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;

use super::wait::eventually;

/// Lines of each stream that a failing test prints.
const SHOWN_ON_FAILURE: usize = 80;

/// A running program. Dropping it kills it; if the test failed, its last lines are printed.
pub struct Process {
    name: String,
    child: Child,
    stdout: watch::Receiver<Vec<String>>,
    stderr: watch::Receiver<Vec<String>>,
}

impl Process {
    /// Starts a program without input. `name` is what messages call it.
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        Self::start(name, command.stdin(Stdio::null()))
    }

    /// Starts a program with the input that the command has.
    pub fn start(name: &str, command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{name}: {:?} does not start ({error}): tests/run installs what is needed", command.get_program())
        });
        let stdout = lines_of(child.stdout.take().expect("stdout is piped"));
        let stderr = lines_of(child.stderr.take().expect("stderr is piped"));
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// The first line of standard output that contains `part`, waited for.
    pub async fn wait_for_line(&mut self, part: &str, limit: Duration) -> String {
        let found = |lines: &Vec<String>| lines.iter().any(|line| line.contains(part));
        let waited = tokio::time::timeout(limit, self.stdout.wait_for(found)).await.map(|waited| waited.is_ok());
        let what = match waited {
            Ok(true) => return self.stdout().into_iter().find(|line| line.contains(part)).expect("just found"),
            Ok(false) => "ended before it printed".to_owned(),
            Err(_) => format!("did not, within {limit:?}, print"),
        };
        panic!("{} {what} {part:?}\n{}", self.name, self.output())
    }

    /// Everything printed to standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.borrow().clone()
    }

    /// Everything printed to standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.borrow().clone()
    }

    /// The process' id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; one to a process that has ended goes nowhere.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for it to end by itself.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> ExitStatus {
        let name = format!("{} ends", self.name);
        let child = &mut self.child;
        eventually(limit, &name, || {
            let state = child.try_wait();
            async move { state.map_err(|error| error.to_string())?.ok_or_else(|| "it still runs".to_owned()) }
        })
        .await
    }

    fn output(&self) -> String {
        let tail = |lines: Vec<String>| lines[lines.len().saturating_sub(SHOWN_ON_FAILURE)..].join("\n");
        format!("--- {0}, stdout:\n{1}\n--- {0}, stderr:\n{2}", self.name, tail(self.stdout()), tail(self.stderr()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("{}", self.output());
        }
    }
}

/// A port that was free a moment ago: below those that the system hands out, where no other process comes across it.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| rand::random_range(15_000..32_000)).take(1000).find(is_free).expect("a free port")
}

/// A directory for a process of the test's own, gone when dropped: in memory where that is to be had, because a disk
/// that is busy with something else answers nobody for seconds.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    dir.expect("a directory")
}

fn lines_of(pipe: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (lines, transcript) = watch::channel(Vec::new());
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            lines.send_modify(|lines| lines.push(line));
        }
    });
    transcript
}

/// Where Debian keeps the library of `faketime`, whatever the machine is.
pub fn libfaketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = files.into_iter().find(|file| file.exists()).expect("libfaketime: tests/run installs it");
    found.to_str().unwrap().to_owned()
}
