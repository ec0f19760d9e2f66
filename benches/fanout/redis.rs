//! A real Redis of the benchmark's own.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    process::{Failure, Process},
    wait,
};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A redis-server that writes its file as it does where ruang is run, gone when dropped.
pub struct Redis {
    process: Process,
    address: SocketAddr,
    _dir: TempDir,
}

impl Redis {
    pub fn start() -> Result<Self, Failure> {
        let dir = TempDir::new()?;
        let port = wait::free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(dir.path());
        command.args(["--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]);
        let process = Process::spawn(&command)?;
        let redis = Self { process, address: (Ipv4Addr::LOCALHOST, port).into(), _dir: dir };
        wait::until("redis-server answers", || redis.ask("PING").is_ok_and(|answer| answer.contains("PONG")))?;
        Ok(redis)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How often each command was called since the start.
    pub fn calls(&self) -> Result<BTreeMap<String, u64>, Failure> {
        let info = self.ask("INFO commandstats")?;
        let calls = info.lines().filter_map(|line| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
        });
        Ok(calls.collect())
    }

    /// The text that a command answers, on a connection of its own.
    fn ask(&self, command: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_WITHIN)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let Some(length) = line.strip_prefix('$') else { return Ok(line) };
        let mut text = vec![0; length.trim().parse()?];
        answer.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
