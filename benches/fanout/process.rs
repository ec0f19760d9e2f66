//! Child processes that do not outlive the benchmark, and their resource usage.

use std::{
    error::Error,
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, set_parent_process_death_signal, setrlimit,
};

/// The reason why a row cannot be measured.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Interval of the looks of a [`MemoryGuard`].
const GUARD_INTERVAL: Duration = Duration::from_millis(100);
/// The file with the servers' output.
pub const SERVERS_LOG: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fanout-servers.log");

/// A child process that ends with its owner, even if that is killed.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program without input, whose output goes to [`SERVERS_LOG`].
    pub fn spawn(command: &Command) -> Result<Self, Failure> {
        let log = File::options().create(true).append(true).open(SERVERS_LOG)?;
        let again = log.try_clone()?;
        Self::spawn_with(command, |command| command.stdin(Stdio::null()).stdout(log).stderr(again))
    }

    /// Starts a program with standard streams set by `pipes`.
    pub fn spawn_with(command: &Command, pipes: impl FnOnce(&mut Command) -> &mut Command) -> Result<Self, Failure> {
        let mut guarded = Command::new(std::env::current_exe()?);
        guarded.arg("guard").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(name, value),
                None => guarded.env_remove(name),
            };
        }
        let child = pipes(&mut guarded).spawn()?;
        Ok(Self { child })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns whether it has ended, which no process here should.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Kills a process that takes too much memory, until this is dropped.
pub struct MemoryGuard(Arc<AtomicBool>);

impl MemoryGuard {
    /// Watches a process on a thread of its own.
    pub fn watch(pid: u32, limit_bytes: f64) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if resident_bytes(pid).is_ok_and(|bytes| bytes > limit_bytes) {
                    eprintln!("fanout: process {pid} takes more than {limit_bytes} bytes, and is killed");
                    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                    let _ended = pid.map(|pid| kill_process(pid, Signal::KILL));
                    return;
                }
                thread::park_timeout(GUARD_INTERVAL);
            }
        });
        Self(ended)
    }
}

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Executes the program, which the kernel kills when the parent exits. Returns only on failure.
pub fn guard(program: &[String]) -> Failure {
    raise_descriptors();
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    let Some((name, arguments)) = program.split_first() else { return "a program to run is missing".into() };
    let error = Command::new(name).args(arguments).exec();
    format!("{name} does not start: {error}").into()
}

/// Returns the user and system CPU seconds of a process.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain any character.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// Returns the user and system CPU seconds of each process.
pub fn cpu_seconds_of(pids: &[u32]) -> io::Result<Vec<f64>> {
    pids.iter().map(|pid| cpu_seconds(*pid)).collect()
}

/// Returns the resident memory of a process in bytes.
pub fn resident_bytes(pid: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibibytes = line.trim().trim_end_matches("kB").trim().parse::<f64>();
    Ok(kibibytes.map_err(io::Error::other)? * 1024.0)
}

/// Returns the number of open descriptors of a process.
pub fn descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Raises the descriptor limit of this process and its children to the hard limit; returns the limit.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // On failure the previous limit applies.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
