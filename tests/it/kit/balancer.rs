//! A real HAProxy, with the configuration that the project ships.

use std::{fs, process::Command};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{
    Cluster,
    process::{Process, free_port},
    visitor::Visitor,
    wait::{SOON, eventually},
};

/// The configuration under test.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/haproxy/haproxy.cfg");

/// HAProxy in front of a cluster.
pub struct Balancer {
    base: String,
    _dir: TempDir,
    _process: Process,
}

impl Balancer {
    /// Starts it, and waits until it passes requests to an instance.
    pub async fn before(cluster: &Cluster) -> Self {
        let dir = TempDir::new().expect("a directory for HAProxy");
        let (port, health) = (free_port(), free_port());
        let servers: Vec<_> = cluster.instances.iter().map(|instance| instance.address()).collect();
        let file = dir.path().join("haproxy.cfg");
        let shipped = fs::read_to_string(SHIPPED).expect("the shipped configuration");
        fs::write(&file, for_local_servers(&shipped, port, health, &servers)).expect("a file");
        let process = Process::spawn("haproxy", Command::new("haproxy").arg("-db").arg("-f").arg(&file));
        eventually(SOON, "HAProxy listens", || async {
            TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())
        })
        .await;
        let balancer = Self { base: format!("http://127.0.0.1:{port}"), _dir: dir, _process: process };
        balancer.passes().await;
        balancer
    }

    /// Where it listens.
    pub fn base(&self) -> &str {
        &self.base
    }

    async fn passes(&self) {
        eventually(SOON, "HAProxy passes requests", || async {
            let answer = Visitor::at(&self.base).try_get("/readyz").await.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(()) } else { Err(answer.status.to_string()) }
        })
        .await;
    }
}

/// The shipped configuration, but for where it listens and that servers are named rather than found through DNS.
fn for_local_servers(shipped: &str, port: u16, health: u16, servers: &[&str]) -> String {
    let line = |line: &str| {
        if let Some(rest) = line.trim_start().strip_prefix("server-template ") {
            let options: Vec<_> = rest.split_whitespace().skip(3).collect();
            let options = options.join(" ").replace("resolvers docker", "").replace("init-addr none", "");
            let named = |(i, server): (usize, &&str)| format!("    server app{i} {server} {options}");
            return servers.iter().enumerate().map(named).collect::<Vec<_>>().join("\n");
        }
        match line.trim() {
            "bind :8080" => format!("    bind 127.0.0.1:{port}"),
            "bind 127.0.0.1:8404" => format!("    bind 127.0.0.1:{health}"),
            _ => line.to_owned(),
        }
    };
    shipped.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}
