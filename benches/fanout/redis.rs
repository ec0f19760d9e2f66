//! A real Redis for the benchmark.

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

const RESPONSE_LIMIT: Duration = Duration::from_secs(5);

/// A redis-server with an append-only file as in production; stopped on drop.
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
        wait::until("redis-server replies", || redis.request("PING").is_ok_and(|reply| reply.contains("PONG")))?;
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

    /// Returns the number of calls of each command since the start.
    pub fn calls(&self) -> Result<BTreeMap<String, u64>, Failure> {
        let info = self.request("INFO commandstats")?;
        let calls = info.lines().filter_map(|line| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
        });
        Ok(calls.collect())
    }

    /// Sets an option of its configuration.
    pub fn configure(&self, name: &str, value: &str) -> Result<(), Failure> {
        pipeline(self.address, &[["CONFIG", "SET", name, value].map(str::to_owned).to_vec()])
    }

    /// Sends a command on a new connection and returns the reply.
    fn request(&self, command: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect_timeout(&self.address, RESPONSE_LIMIT)?;
        stream.set_read_timeout(Some(RESPONSE_LIMIT))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut reply = BufReader::new(stream);
        let mut line = String::new();
        reply.read_line(&mut line)?;
        let Some(length) = line.strip_prefix('$') else { return Ok(line) };
        let mut text = vec![0; length.trim().parse()?];
        reply.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Sends commands at once on a new connection, and reads their replies, which are of one line each.
pub fn pipeline(redis: SocketAddr, commands: &[Vec<String>]) -> Result<(), Failure> {
    let mut stream = TcpStream::connect_timeout(&redis, RESPONSE_LIMIT)?;
    stream.set_read_timeout(Some(RESPONSE_LIMIT))?;
    let mut request = Vec::new();
    for command in commands {
        write!(request, "*{}\r\n", command.len())?;
        for word in command {
            write!(request, "${}\r\n{word}\r\n", word.len())?;
        }
    }
    stream.write_all(&request)?;
    let mut replies = BufReader::new(stream).lines();
    for command in commands {
        let reply = replies.next().ok_or("Redis closed the connection")??;
        if reply.starts_with('-') {
            return Err(format!("{}: {reply}", command[0]).into());
        }
    }
    Ok(())
}
