//! Time, randomness and tasks of a room. A simulation replaces them, so that each of its runs can be repeated.

use std::{thread::available_parallelism, time::Duration};

use futures_util::future::BoxFuture;

/// The source of everything that differs from run to run, except tokio's clock.
pub trait Machine: Send + Sync + 'static {
    /// Starts a task.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Returns the time since boot, which goes on while the machine is suspended.
    fn since_boot(&self) -> Duration;

    /// Returns a seed for random numbers, each time another one.
    fn seed(&self) -> [u8; 32];

    /// Returns the number of tasks that write to clients.
    fn cores(&self) -> usize;
}

/// The machine that this process runs on, with tokio's current runtime.
#[derive(Clone, Copy, Debug)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    /// On Linux `Instant` stops during suspension, and the leases of other instances do not (clock_gettime(2),
    /// `CLOCK_BOOTTIME`).
    #[cfg(target_os = "linux")]
    fn since_boot(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
    }

    /// The time since the first call: the `Instant` of other systems includes suspension, or no clock does.
    #[cfg(not(target_os = "linux"))]
    fn since_boot(&self) -> Duration {
        use std::{sync::OnceLock, time::Instant};
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed()
    }

    fn seed(&self) -> [u8; 32] {
        rand::random()
    }

    fn cores(&self) -> usize {
        available_parallelism().map_or(1, usize::from)
    }
}
