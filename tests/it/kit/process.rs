//! A child process that ends with its test and whose output is stored.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;

use super::wait::eventually;

/// Number of lines of each stream that a failing test prints.
const SHOWN_ON_FAILURE: usize = 80;

/// A running program. Dropping it kills it and, if the test failed, prints its last lines.
pub struct Process {
    name: String,
    child: Child,
    stdout: watch::Receiver<Vec<String>>,
    stderr: watch::Receiver<Vec<String>>,
}

impl Process {
    /// Starts a program without input. `name` appears in failure messages.
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        Self::start(name, command.stdin(Stdio::null()))
    }

    /// Starts a program with the command's standard input.
    pub fn start(name: &str, command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{name}: {:?} does not start ({error}): tests/run installs what is needed", command.get_program())
        });
        let stdout = lines_of(child.stdout.take().expect("stdout is piped"));
        let stderr = lines_of(child.stderr.take().expect("stderr is piped"));
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// Takes the standard input of a command that was started with a pipe.
    pub fn take_input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("stdin is piped")
    }

    /// Waits for the first line of standard output that contains `part` and returns it.
    pub async fn wait_for_line(&mut self, part: &str, limit: Duration) -> String {
        let found = |lines: &Vec<String>| lines.iter().any(|line| line.contains(part));
        let waited = tokio::time::timeout(limit, self.stdout.wait_for(found)).await.map(|waited| waited.is_ok());
        let what = match waited {
            Ok(true) => return self.stdout().into_iter().find(|line| line.contains(part)).expect("just found"),
            Ok(false) => "ended before it printed".to_owned(),
            Err(_) => format!("did not print within {limit:?}:"),
        };
        panic!("{} {what} {part:?}\n{}", self.name, self.output())
    }

    /// Returns the lines of standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.borrow().clone()
    }

    /// Returns the lines of standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.borrow().clone()
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; no effect on a process that has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills the process and waits for its exit.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the process to exit.
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

/// Returns a port that was free a moment ago, below the ephemeral range, so that the system does not assign it.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| rand::random_range(15_000..32_000)).take(1000).find(is_free).expect("a free port")
}

/// Creates a temporary directory, in memory if possible: a disk busy with other work can delay a test's process for
/// seconds.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    dir.expect("a directory")
}

/// Replaces parts of a shipped configuration, each of which it must contain.
pub fn replace_each(shipped: &str, replaced: &[(&str, &str)]) -> String {
    replaced.iter().fold(shipped.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the configuration has {from:?}: {text}");
        text.replace(from, to)
    })
}

fn lines_of(pipe: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (lines, received) = watch::channel(Vec::new());
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            lines.send_modify(|lines| lines.push(line));
        }
    });
    received
}

/// Returns the path of Debian's `faketime` library on any architecture.
pub fn libfaketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = files.into_iter().find(|file| file.exists()).expect("libfaketime: tests/run installs it");
    found.to_str().unwrap().to_owned()
}
