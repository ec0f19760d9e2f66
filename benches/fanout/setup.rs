//! Servers of one kind with clients in their room.

use std::{
    io::BufReader,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    driver::Driver,
    floor,
    generator::{
        dialect::Dialect,
        request::{Arrive, ArriveResult, Load, LoadResult, Open, OpenResult, SignIn},
    },
    process::{self, Failure, Process},
    redis::Redis,
    wait,
};

/// The kind of server to measure.
#[derive(Clone, Debug)]
pub enum ServerKind {
    /// The minimal server.
    Floor,
    /// Instances of ruang on one Redis, with additional settings.
    Ruang { instances: usize, program: PathBuf, settings: Vec<(&'static str, String)> },
    /// Two instances of another program on one Redis.
    Peer { program: PathBuf, dialect: Dialect },
    /// Redis alone: clients subscribe to it.
    Redis,
}

/// Servers, their Redis, and the generator with its clients.
pub struct Setup {
    pub driver: Driver,
    pub targets: Vec<SocketAddr>,
    pub redis: Option<Redis>,
    pub opened: Option<OpenResult>,
    servers: Vec<Process>,
    dialect: Dialect,
}

/// A load of a row.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub rate: f64,
    pub senders: usize,
    pub seconds: f64,
}

/// Highest number of attempts at a measurement that the generator could not keep up with.
pub const ATTEMPTS: usize = 3;

impl ServerKind {
    /// Adds settings, if this is ruang.
    pub fn set(mut self, more: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        if let Self::Ruang { settings, .. } = &mut self {
            settings.extend(more);
        }
        self
    }
}

impl Pace {
    /// A load without messages.
    pub fn silent(seconds: f64) -> Self {
        Self { rate: 0.0, senders: 1, seconds }
    }
}

/// Size of a text in bytes.
const TEXT_BYTES: usize = 100;
/// Seconds of load before the measurement.
const WARM_SECONDS: f64 = 2.0;

impl Setup {
    /// Starts the servers and joins clients.
    pub fn with_clients(kind: &ServerKind, clients: usize) -> Result<Self, Failure> {
        let mut setup = Self::empty(kind)?;
        setup.add(clients, 0.0)?;
        Ok(setup)
    }

    /// Starts the servers.
    pub fn empty(kind: &ServerKind) -> Result<Self, Failure> {
        let mut setup = Self {
            driver: Driver::start()?,
            targets: Vec::new(),
            redis: None,
            opened: None,
            servers: Vec::new(),
            dialect: Dialect::Plain,
        };
        match kind {
            ServerKind::Floor => setup.start_floor()?,
            ServerKind::Redis => {
                let redis = setup.redis.insert(Redis::start()?);
                setup.targets.push(redis.address());
                setup.dialect = Dialect::Redis;
            }
            ServerKind::Ruang { instances, program, settings } => {
                setup.dialect = Dialect::Ruang;
                setup.start_instances(*instances, program, settings)?;
            }
            ServerKind::Peer { program, dialect } => {
                setup.dialect = *dialect;
                setup.start_instances(2, program, &[])?;
            }
        }
        Ok(setup)
    }

    /// Joins more clients, spread over this time.
    pub fn add(&mut self, clients: usize, over_seconds: f64) -> Result<OpenResult, Failure> {
        let opened = self.driver.open(self.clients(clients, over_seconds))?;
        self.opened.get_or_insert_with(|| opened.clone());
        Ok(opened)
    }

    /// Runs a load and measures it; repeats it if the generator could not keep up.
    pub fn run(&mut self, pace: Pace) -> Result<LoadResult, Failure> {
        if let Some(at) = self.servers.iter_mut().position(Process::has_ended) {
            return Err(format!("server {at} has ended").into());
        }
        let mut measured = self.driver.load(self.load(pace))?;
        for _ in 1..ATTEMPTS {
            if measured.stats.kept_up() {
                break;
            }
            measured = self.driver.load(self.load(pace))?;
        }
        Ok(measured)
    }

    /// Lets browsers arrive; the last watched process is Redis.
    pub fn arrive(
        &mut self,
        count: usize,
        sign_in: SignIn,
        over_seconds: f64,
        step_by_step: bool,
    ) -> Result<ArriveResult, Failure> {
        let (targets, watch) = (self.targets.clone(), self.watched());
        self.driver.arrive(Arrive { targets, count, sign_in, over_seconds, step_by_step, watch })
    }

    /// Ends the generator, and with it all its clients.
    pub fn disconnect_all(&mut self) -> Result<(), Failure> {
        self.driver = Driver::start()?;
        Ok(())
    }

    /// Builds the generator's request for more clients.
    pub fn clients(&self, count: usize, over_seconds: f64) -> Open {
        Open { dialect: self.dialect, targets: self.targets.clone(), count, over_seconds }
    }

    /// Builds the generator's request for a load; the last watched process is Redis, if any.
    pub fn load(&self, pace: Pace) -> Load {
        Load {
            rate: pace.rate,
            senders: pace.senders,
            text_bytes: TEXT_BYTES,
            warm_seconds: WARM_SECONDS,
            seconds: pace.seconds,
            watch: self.watched(),
        }
    }

    /// The servers and Redis.
    fn watched(&self) -> Vec<u32> {
        self.servers.iter().map(Process::id).chain(self.redis.as_ref().map(Redis::id)).collect()
    }

    /// Returns the CPU seconds of the servers without Redis.
    pub fn servers_cpu(&self, measured: &[f64]) -> f64 {
        measured[..self.servers.len()].iter().sum()
    }

    /// Returns the servers' CPU microseconds per delivery.
    pub fn cost(&self, measured: &LoadResult) -> f64 {
        self.servers_cpu(&measured.cpu) * 1e6 / measured.deliveries.max(1) as f64
    }

    /// Returns the servers' resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<f64, Failure> {
        let sizes = self.servers.iter().map(|server| process::resident_bytes(server.id()));
        Ok(sizes.collect::<Result<Vec<_>, _>>()?.iter().sum())
    }

    /// Returns the process ids of the servers.
    pub fn server_ids(&self) -> Vec<u32> {
        self.servers.iter().map(Process::id).collect()
    }

    fn start_floor(&mut self) -> Result<(), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor");
        let mut server = Process::spawn_with(&command, |command| command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let output = server.child().stdout.take().ok_or("the floor has no output")?;
        self.targets.push(floor::address(&mut BufReader::new(output))?);
        self.servers.push(server);
        Ok(())
    }

    fn start_instances(
        &mut self,
        instances: usize,
        program: &Path,
        settings: &[(&str, String)],
    ) -> Result<(), Failure> {
        let redis = self.redis.insert(Redis::start()?);
        for _ in 0..instances {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wait::free_port()?));
            let mut command = instance(program, address, &redis.url());
            command.envs(settings.iter().map(|(name, value)| (name, value)));
            self.servers.push(Process::spawn(&command)?);
            self.targets.push(address);
        }
        for target in &self.targets {
            wait::until("a server listens", || TcpStream::connect(target).is_ok())?;
        }
        Ok(())
    }
}

/// Returns the command of an instance without the limits that would stop so many clients of one address.
fn instance(program: &Path, address: SocketAddr, redis: &str) -> Command {
    let mut command = Command::new(program);
    command.env("RUANG_LISTEN", address.to_string()).env("REDIS_URL", redis);
    for limit in ["MESSAGES_PER_SECOND", "SIGN_INS_PER_MINUTE", "READS_PER_SECOND", "CONNECTIONS_PER_ADDRESS"] {
        command.env(format!("RUANG_{limit}"), "0");
    }
    command
}
