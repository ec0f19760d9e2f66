use std::{
    process::{Command as Program, exit},
    sync::atomic::{AtomicU32, Ordering},
};

use futures_util::future::BoxFuture;

use super::*;

/// Set in the child process, which is this program.
const CHILD: &str = "RUANG_TEST_CHILD";

/// A machine on which the room's hub panics once it runs.
struct FailingMachine {
    calls: AtomicU32,
}

impl Machine for FailingMachine {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        ThisMachine.spawn(task);
    }

    fn since_boot(&self) -> Duration {
        // The first call is that of the start.
        assert_eq!(self.calls.fetch_add(1, Ordering::Relaxed), 0, "a secret of a client");
        ThisMachine.since_boot()
    }

    fn seed(&self) -> [u8; 32] {
        ThisMachine.seed()
    }

    fn cores(&self) -> usize {
        ThisMachine.cores()
    }
}

/// What `main` does after the settings are read.
#[expect(clippy::disallowed_methods, reason = "the test's own `main` would return another code")]
fn run_as_child() -> ! {
    let arguments = ["ruang", "--listen", "127.0.0.1:0"].map(Into::into);
    let loaded = Settings::load(arguments, &|_| None, 1024).expect("defaults");
    let code = run(loaded, Arc::new(FailingMachine { calls: AtomicU32::new(0) }));
    exit(if code == ExitCode::from(70) { 70 } else { 1 })
}

/// The child ends by itself: nothing signals it.
#[test]
fn panic_of_an_essential_task_exits_with_70() {
    if std::env::var_os(CHILD).is_some() {
        run_as_child();
    }
    let program = std::env::current_exe().expect("this program");
    let mut child = Program::new(program);
    child.args(["--exact", "tests::panic_of_an_essential_task_exits_with_70", "--nocapture"]).env(CHILD, "1");
    let output = child.output().expect("it runs");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(70), "{log}");
    let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked at=")).collect();
    assert_eq!(panics.len(), 1, "{log}");
    let last = log.lines().last().expect("a line");
    assert!(last.contains("ERROR") && last.contains("an essential task has panicked"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn error_at_the_start_exits_with_1() {
    let signals = app::RunError::Signals(io::Error::other("none"));
    assert_eq!((signals.exit_code(), app::RunError::Panicked.exit_code()), (1, 70));
}
