//! A real HAProxy, with the configuration that the project ships.

use std::{fs, process::Command};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{
    Cluster,
    http_client::HttpClient,
    https::Https,
    process::{Process, free_port, replace_each},
    wait::{SOON, eventually},
};

/// HAProxy in front of a cluster.
pub struct Haproxy {
    base: String,
    _dir: TempDir,
    process: Process,
}

/// Additions to the shipped configuration.
#[derive(Default)]
struct Additions<'a> {
    lines: &'a str,
    replaced: &'a [(&'a str, &'a str)],
    https: Option<&'a Https>,
    /// Another proxy on this machine ends TLS.
    behind_tls: bool,
}

impl Haproxy {
    /// Starts HAProxy and waits until it forwards requests to an instance.
    pub async fn start(cluster: &Cluster) -> Self {
        Self::spawn(cluster, Additions::default()).await
    }

    /// Starts it with these lines first in its frontend.
    pub async fn start_with_lines(cluster: &Cluster, lines: &str) -> Self {
        Self::spawn(cluster, Additions { lines, ..Additions::default() }).await
    }

    /// Starts it with these parts of its configuration replaced.
    pub async fn start_with(cluster: &Cluster, replaced: &[(&str, &str)]) -> Self {
        Self::spawn(cluster, Additions { replaced, ..Additions::default() }).await
    }

    /// Starts it behind a proxy on this machine that ends TLS, as `deploy/caddy/tls.yml` does.
    pub async fn start_behind_tls(cluster: &Cluster) -> Self {
        Self::spawn(cluster, Additions { behind_tls: true, ..Additions::default() }).await
    }

    /// Starts it with TLS; its plain port redirects to https.
    pub async fn start_with_tls(cluster: &Cluster, https: &Https) -> Self {
        Self::spawn(cluster, Additions { https: Some(https), ..Additions::default() }).await
    }

    /// Returns the base URL of the plain port.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the log.
    pub fn log(&self) -> String {
        [self.process.stdout(), self.process.stderr()].concat().join("\n")
    }

    async fn spawn(cluster: &Cluster, additions: Additions<'_>) -> Self {
        let dir = TempDir::new().expect("a directory for HAProxy");
        let (port, health) = (free_port(), free_port());
        let servers: Vec<_> = cluster.instances.iter().map(|instance| instance.address()).collect();
        let file = dir.path().join("haproxy.cfg");
        let shipped_cfg = replace_each(&shipped("haproxy.cfg"), additions.replaced);
        fs::write(&file, for_local_servers(&shipped_cfg, port, health, &servers, additions.lines)).expect("a file");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file).env_remove("RUANG_PUBLIC_URL");
        if additions.behind_tls {
            command.env("RUANG_TLS_PROXY", "127.0.0.1");
        }
        if let Some(https) = additions.https {
            let file = dir.path().join("tls.cfg");
            fs::write(&file, https.adapt(&shipped("tls.cfg"))).expect("a file");
            command.arg("-f").arg(&file).env("RUANG_PUBLIC_URL", https.url());
        }
        let process = Process::spawn("haproxy", &mut command);
        eventually(SOON, "HAProxy listens", || async {
            TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())
        })
        .await;
        let haproxy = Self { base: format!("http://127.0.0.1:{port}"), _dir: dir, process };
        haproxy.wait_until_forwarding(additions.https).await;
        haproxy
    }

    async fn wait_until_forwarding(&self, https: Option<&Https>) {
        eventually(SOON, "HAProxy forwards requests", || async {
            let response = HttpClient::new(&self.base).try_get("/readyz").await.map_err(|error| error.to_string())?;
            match (response.status, https) {
                (200, None) => Ok(()),
                (308, Some(https)) => https.check_readyz().await,
                (status, _) => Err(status.to_string()),
            }
        })
        .await;
    }
}

/// Reads a file of the configuration under test.
fn shipped(file: &str) -> String {
    let path = format!("{}/deploy/haproxy/{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("the shipped configuration")
}

/// Adapts the shipped configuration: local ports, and named servers instead of DNS.
fn for_local_servers(shipped: &str, port: u16, health: u16, servers: &[&str], lines: &str) -> String {
    let line = |line: &str| {
        if let Some(rest) = line.trim_start().strip_prefix("server-template ") {
            let options: Vec<_> = rest.split_whitespace().skip(3).collect();
            let options = options.join(" ").replace("resolvers docker", "").replace("init-addr none", "");
            let named = |(i, server): (usize, &&str)| format!("    server app{i} {server} {options}");
            return servers.iter().enumerate().map(named).collect::<Vec<_>>().join("\n");
        }
        match line.trim() {
            "bind :8080" => format!("    bind 127.0.0.1:{port}\n{lines}"),
            "bind 127.0.0.1:8404" => format!("    bind 127.0.0.1:{health}"),
            _ => line.to_owned(),
        }
    };
    shipped.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}
