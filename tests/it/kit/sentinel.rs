//! A primary, its replica, and real sentinels that monitor them.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::{
    process::{Process, free_port, scratch},
    redis::{Redis, command_at, shipped},
    wait::{SOON, eventually},
};

/// Number of sentinels; the majority must agree.
const SENTINELS: usize = 3;
/// Loopback addresses.
const IPV4: &str = "127.0.0.1";
const IPV6: &str = "::1";
/// The password of Redis and the sentinels.
pub const PASSWORD: &str = "rahasia";

/// A primary, its replica and their sentinels. Dropping it stops all.
pub struct Sentinels {
    /// The first primary.
    pub primary: Redis,
    /// Its replica, and the primary after a failover.
    pub replica: Redis,
    ports: Vec<u16>,
    with_password: bool,
    /// The loopback address by which all reach each other.
    host: &'static str,
    _dir: TempDir,
    _processes: Vec<Process>,
}

impl Sentinels {
    /// Starts all and waits until the replica is in sync and the sentinels have discovered each other.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Does the same with these arguments for the primary.
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::start_all(IPV4, arguments, false).await
    }

    /// Does the same by IPv6 addresses alone.
    pub async fn start_on_ipv6() -> Self {
        Self::start_all(IPV6, &[], false).await
    }

    /// Does the same with the [`PASSWORD`] everywhere, as the shipped files describe.
    pub async fn start_with_password() -> Self {
        Self::start_all(IPV4, &["--requirepass", PASSWORD, "--masterauth", PASSWORD], true).await
    }

    async fn start_all(host: &'static str, arguments: &[&str], with_password: bool) -> Self {
        let listen = [&["--bind"], interfaces(host)].concat();
        let arguments = [&listen, arguments].concat();
        let primary = Redis::start_with(&arguments).await;
        let primary_address = format!("{host} {}", primary.port());
        let shared = if with_password { &arguments } else { &listen };
        let replica =
            Redis::start_with(&[&["--replicaof", primary_address.as_str()], shared.as_slice()].concat()).await;
        eventually(SOON, "the replica is in sync", || async {
            let state = query(replica.port(), &["INFO", "replication"]).await;
            if state.contains("master_link_status:up") { Ok(()) } else { Err(state) }
        })
        .await;
        let dir = scratch();
        let ports: Vec<u16> = (0..SENTINELS).map(|_| free_port()).collect();
        let mut processes: Vec<_> =
            ports.iter().map(|port| sentinel(&dir, *port, (host, primary.port()), with_password)).collect();
        for process in &mut processes {
            process.wait_for_line("Sentinel ID is", SOON).await;
        }
        let sentinels = Self { primary, replica, ports, with_password, host, _dir: dir, _processes: processes };
        eventually(SOON, "the sentinels have discovered each other and the replica", || sentinels.are_ready()).await;
        sentinels
    }

    /// Returns the value for `REDIS_URL`.
    pub fn url(&self) -> String {
        let host = if self.host == IPV6 { "[::1]" } else { self.host };
        let mut parameters: Vec<_> = self.ports[1..].iter().map(|port| format!("&node={host}:{port}")).collect();
        if self.with_password {
            parameters.push(format!("&sentinelPassword={PASSWORD}"));
        }
        format!("redis-sentinel://{host}:{}/0?sentinelServiceName=room{}", self.ports[0], parameters.concat())
    }

    /// Waits until the replica is the primary and all sentinels report it.
    pub async fn wait_for_failover(&self) {
        let next = self.replica.port().to_string();
        eventually(SOON, "the replica is promoted", || async {
            for port in &self.ports {
                let primary = query(*port, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "room"]).await;
                if !primary.contains(&next) {
                    return Err(primary);
                }
            }
            let role = query(self.replica.port(), &["ROLE"]).await;
            if role.starts_with("master") { Ok(()) } else { Err(role) }
        })
        .await;
    }

    async fn are_ready(&self) -> Result<(), String> {
        for port in &self.ports {
            let state = query(*port, &["INFO", "sentinel"]).await;
            let address = format!("address={}:{}", self.host, self.primary.port());
            if !state.contains(&format!("status=ok,{address},slaves=1,sentinels=3")) {
                return Err(state);
            }
        }
        Ok(())
    }
}

/// Returns the addresses to listen on: redis-cli uses IPv4.
fn interfaces(host: &str) -> &'static [&'static str] {
    if host == IPV6 { &[IPV4, IPV6] } else { &[IPV4] }
}

/// Sends a command with the password, which servers without one ignore.
async fn query(port: u16, arguments: &[&str]) -> String {
    command_at(port, &[&["--no-auth-warning", "--pass", PASSWORD], arguments].concat()).await
}

fn sentinel(dir: &TempDir, port: u16, (host, primary): (&str, u16), with_password: bool) -> Process {
    let file = dir.path().join(format!("{port}.conf"));
    // The shipped file with local addresses and short timeouts.
    let mut settings = fs::read_to_string(shipped("sentinel.conf")).expect("a file");
    for (shipped, here) in [
        ("port 26379", format!("bind {}\nport {port}\ndir {}", interfaces(host).join(" "), dir.path().display())),
        ("room 10.84.0.11 6379 2", format!("room {host} {primary} 2")),
        ("room 3000", "room 1000".to_owned()),
        ("room 10000", "room 5000".to_owned()),
    ] {
        assert!(settings.contains(shipped), "{shipped}: {settings}");
        settings = settings.replacen(shipped, &here, 1);
    }
    if with_password {
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
