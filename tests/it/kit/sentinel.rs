//! A primary, its replica, and real sentinels that watch them.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::{
    process::{Process, free_port, scratch},
    redis::{Redis, command_at, shipped},
    wait::{SOON, eventually},
};

/// Sentinels, of which most must agree.
const SENTINELS: usize = 3;
/// What whoever knows it may do anything with.
pub const PASSWORD: &str = "rahasia";

/// See the [module](self). All end when it is dropped.
pub struct Sentinels {
    /// The primary, as long as it lives.
    pub primary: Redis,
    /// Its replica, and the next primary.
    pub replica: Redis,
    ports: Vec<u16>,
    closed: bool,
    _dir: TempDir,
    _processes: Vec<Process>,
}

impl Sentinels {
    /// Starts all, and waits until the replica follows and the sentinels know each other.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with these arguments for the primary.
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::start_all(arguments, false).await
    }

    /// The same, of which each asks for the [`PASSWORD`], as the shipped files say how.
    pub async fn start_with_password() -> Self {
        Self::start_all(&["--requirepass", PASSWORD, "--masterauth", PASSWORD], true).await
    }

    async fn start_all(arguments: &[&str], closed: bool) -> Self {
        let primary = Redis::start_with(arguments).await;
        let follows = format!("127.0.0.1 {}", primary.port());
        let passwords = if closed { arguments } else { &[] };
        let replica = Redis::start_with(&[&["--replicaof", &follows], passwords].concat()).await;
        eventually(SOON, "the replica follows", || async {
            let state = ask(replica.port(), &["INFO", "replication"]).await;
            if state.contains("master_link_status:up") { Ok(()) } else { Err(state) }
        })
        .await;
        let dir = scratch();
        let ports: Vec<u16> = (0..SENTINELS).map(|_| free_port()).collect();
        let mut processes: Vec<_> = ports.iter().map(|port| sentinel(&dir, *port, primary.port(), closed)).collect();
        for process in &mut processes {
            process.wait_for_line("Sentinel ID is", SOON).await;
        }
        let sentinels = Self { primary, replica, ports, closed, _dir: dir, _processes: processes };
        eventually(SOON, "the sentinels know each other and the replica", || sentinels.are_ready()).await;
        sentinels
    }

    /// What instances are given as `REDIS_URL`.
    pub fn url(&self) -> String {
        let mut more: Vec<_> = self.ports[1..].iter().map(|port| format!("&node=127.0.0.1:{port}")).collect();
        if self.closed {
            more.push(format!("&sentinelPassword={PASSWORD}"));
        }
        format!("redis-sentinel://127.0.0.1:{}/0?sentinelServiceName=room{}", self.ports[0], more.concat())
    }

    /// Waits until the replica has been made the primary, and all sentinels say so.
    pub async fn wait_for_failover(&self) {
        let next = self.replica.port().to_string();
        eventually(SOON, "the replica is promoted", || async {
            for port in &self.ports {
                let primary = ask(*port, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "room"]).await;
                if !primary.contains(&next) {
                    return Err(primary);
                }
            }
            let role = ask(self.replica.port(), &["ROLE"]).await;
            if role.starts_with("master") { Ok(()) } else { Err(role) }
        })
        .await;
    }

    async fn are_ready(&self) -> Result<(), String> {
        for port in &self.ports {
            let state = ask(*port, &["INFO", "sentinel"]).await;
            if !state.contains(&format!("status=ok,address=127.0.0.1:{},slaves=1,sentinels=3", self.primary.port())) {
                return Err(state);
            }
        }
        Ok(())
    }
}

/// With the password, which whoever has none does not mind.
async fn ask(port: u16, words: &[&str]) -> String {
    command_at(port, &[&["--no-auth-warning", "--pass", PASSWORD], words].concat()).await
}

fn sentinel(dir: &TempDir, port: u16, primary: u16, closed: bool) -> Process {
    let file = dir.path().join(format!("{port}.conf"));
    // As shipped, but for where everybody is, and in a hurry.
    let mut settings = fs::read_to_string(shipped("sentinel.conf")).expect("a file");
    for (shipped, here) in [
        ("port 26379", format!("bind 127.0.0.1\nport {port}\ndir {}", dir.path().display())),
        ("room 10.84.0.11 6379 2", format!("room 127.0.0.1 {primary} 2")),
        ("room 3000", "room 1000".to_owned()),
        ("room 10000", "room 5000".to_owned()),
    ] {
        assert!(settings.contains(shipped), "{shipped}: {settings}");
        settings = settings.replacen(shipped, &here, 1);
    }
    if closed {
        for line in ["sentinel auth-pass", "requirepass", "sentinel sentinel-pass"] {
            let shipped = format!("\n#{line}");
            assert!(settings.contains(&shipped), "{line}: {settings}");
            settings = settings.replace(&shipped, &format!("\n{line}"));
        }
        settings = settings.replace("SENTINELS_PASSWORD", PASSWORD).replace("PASSWORD", PASSWORD);
    }
    fs::write(&file, settings).expect("a file");
    Process::spawn("redis-sentinel", Command::new("redis-server").arg(&file).arg("--sentinel"))
}
