//! Processes: starting them so that none outlives the benchmark, and what they have used.

use std::{
    error::Error,
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

/// Why a row cannot be measured, in words for who runs the benchmark.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What servers say, run after run.
pub const SERVERS_LOG: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fanout-servers.log");

/// A child that ends with its owner, even if that is killed.
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

    /// Starts a program with what `pipes` gives it.
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

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether it has ended by itself, which nothing here is meant to.
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

/// Becomes the program, and dies with whoever started it. Answers only if that fails.
pub fn guard(program: &[String]) -> Failure {
    raise_descriptors();
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    let Some((name, arguments)) = program.split_first() else { return "a program to run is missing".into() };
    let error = Command::new(name).args(arguments).exec();
    format!("{name} does not start: {error}").into()
}

/// Seconds of CPU, user's and system's, that a process has used.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// Bytes of memory that a process has in use.
pub fn resident_bytes(pid: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibibytes = line.trim().trim_end_matches("kB").trim().parse::<f64>();
    Ok(kibibytes.map_err(io::Error::other)? * 1024.0)
}

/// How many descriptors a process has open.
pub fn descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Lets this process and its children open as many descriptors as the system allows it, and answers how many.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, what was allowed before still is.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
