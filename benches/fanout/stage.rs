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
        order::{Load, Measured, Open, Opened},
    },
    process::{self, Failure, Process},
    redis::Redis,
    wait,
};

/// Who is measured.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The least that fan-out can cost.
    Floor,
    /// This many instances of ruang on one Redis, with these settings beside the usual.
    Ruang { instances: usize, program: PathBuf, settings: Vec<(&'static str, String)> },
    /// Two instances of something else on one Redis.
    Peer { program: PathBuf, dialect: Dialect },
    /// Redis alone: clients subscribe to it.
    Redis,
}

/// Servers, clients, and what is between them.
pub struct Stage {
    pub driver: Driver,
    pub targets: Vec<SocketAddr>,
    pub redis: Option<Redis>,
    pub opened: Option<Opened>,
    servers: Vec<Process>,
    dialect: Dialect,
}

/// A load as rows think of it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub rate: f64,
    pub senders: usize,
    pub seconds: f64,
}

/// How often something is measured before it is taken as it is.
pub const ATTEMPTS: usize = 3;

impl Kind {
    /// The same with settings, where it has any.
    pub fn set(mut self, more: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        if let Self::Ruang { settings, .. } = &mut self {
            settings.extend(more);
        }
        self
    }
}

impl Pace {
    /// Nobody says anything.
    pub fn silent(seconds: f64) -> Self {
        Self { rate: 0.0, senders: 1, seconds }
    }
}

/// The texts of the project's promise.
const TEXT_BYTES: usize = 100;
/// How long a load lasts before it is measured.
const WARM_SECONDS: f64 = 2.0;

impl Stage {
    /// Starts the servers and brings clients into the room.
    pub fn with_clients(kind: &Kind, clients: usize) -> Result<Self, Failure> {
        let mut stage = Self::empty(kind)?;
        stage.add(clients, 0.0)?;
        Ok(stage)
    }

    /// Starts the servers.
    pub fn empty(kind: &Kind) -> Result<Self, Failure> {
        let mut stage = Self {
            driver: Driver::start()?,
            targets: Vec::new(),
            redis: None,
            opened: None,
            servers: Vec::new(),
            dialect: Dialect::Plain,
        };
        match kind {
            Kind::Floor => stage.start_floor()?,
            Kind::Redis => {
                let redis = stage.redis.insert(Redis::start()?);
                stage.targets.push(redis.address());
                stage.dialect = Dialect::Redis;
            }
            Kind::Ruang { instances, program, settings } => {
                stage.dialect = Dialect::Ruang;
                stage.start_instances(*instances, program, settings)?;
            }
            Kind::Peer { program, dialect } => {
                stage.dialect = *dialect;
                stage.start_instances(2, program, &[])?;
            }
        }
        Ok(stage)
    }

    /// Brings this many more clients into the room, spread over this time.
    pub fn add(&mut self, clients: usize, over_seconds: f64) -> Result<Opened, Failure> {
        let opened = self.driver.open(self.clients(clients, over_seconds))?;
        self.opened.get_or_insert_with(|| opened.clone());
        Ok(opened)
    }

    /// Lets clients talk and measures; again, if the generator could not keep up with what it had to do.
    pub fn run(&mut self, pace: Pace) -> Result<Measured, Failure> {
        if let Some(at) = self.servers.iter_mut().position(Process::has_ended) {
            return Err(format!("server {at} has ended").into());
        }
        let mut measured = self.driver.load(self.load(pace))?;
        for _ in 1..ATTEMPTS {
            if measured.own.kept_up() {
                break;
            }
            measured = self.driver.load(self.load(pace))?;
        }
        Ok(measured)
    }

    /// What a generator is told of clients of this stage.
    pub fn clients(&self, count: usize, over_seconds: f64) -> Open {
        Open { dialect: self.dialect, targets: self.targets.clone(), count, over_seconds }
    }

    /// What a generator is told of a pace; the last process it watches is Redis, if there is one.
    pub fn load(&self, pace: Pace) -> Load {
        let redis = self.redis.as_ref().map(Redis::id);
        Load {
            rate: pace.rate,
            senders: pace.senders,
            text_bytes: TEXT_BYTES,
            warm_seconds: WARM_SECONDS,
            seconds: pace.seconds,
            watch: self.servers.iter().map(Process::id).chain(redis).collect(),
        }
    }

    /// Seconds of CPU that the servers alone have used.
    pub fn servers_cpu(&self, measured: &[f64]) -> f64 {
        measured[..self.servers.len()].iter().sum()
    }

    /// Microseconds of the servers' CPU for each delivery.
    pub fn cost(&self, measured: &Measured) -> f64 {
        self.servers_cpu(&measured.cpu) * 1e6 / measured.deliveries.max(1) as f64
    }

    /// Bytes of memory that the servers have in use.
    pub fn resident_bytes(&self) -> Result<f64, Failure> {
        let sizes = self.servers.iter().map(|server| process::resident_bytes(server.id()));
        Ok(sizes.collect::<Result<Vec<_>, _>>()?.iter().sum())
    }

    /// The servers' processes.
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

/// Everything on, but for the limits that would stop so many clients of one address.
fn instance(program: &Path, address: SocketAddr, redis: &str) -> Command {
    let mut command = Command::new(program);
    command.env("RUANG_LISTEN", address.to_string()).env("REDIS_URL", redis);
    for limit in ["MESSAGES_PER_SECOND", "SIGN_INS_PER_MINUTE", "CONNECTIONS_PER_ADDRESS"] {
        command.env(format!("RUANG_{limit}"), "0");
    }
    command
}
