//! A real nginx or Caddy, with the configuration that the project ships.

use std::{fs, net::SocketAddrV4, process::Command};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    Cluster,
    dns::Dns,
    http_client::HttpClient,
    process::{Process, free_port, replace_each, scratch},
    wait::{SOON, eventually},
};

/// The kind of web server.
#[derive(Clone, Copy, Debug)]
pub enum WebServerKind {
    /// `deploy/nginx/nginx.conf`
    Nginx,
    /// `deploy/caddy/Caddyfile`
    Caddy,
}

/// A web server in front of a cluster.
pub struct WebServer {
    base: String,
    dns: Dns,
    _dir: TempDir,
    process: Process,
}

impl WebServer {
    /// Starts it and waits until it forwards requests to an instance. The instances of a cluster behind nginx need one port.
    pub async fn start(cluster: &Cluster, kind: WebServerKind) -> Self {
        Self::start_with(cluster, kind, &[]).await
    }

    /// Does the same with these parts of its configuration replaced.
    pub async fn start_with(cluster: &Cluster, kind: WebServerKind, replaced: &[(&str, &str)]) -> Self {
        let (dir, port) = (scratch(), free_port());
        let servers = addresses(cluster);
        let dns = Dns::start(servers.iter().map(|server| *server.ip()).collect()).await;
        let (file, text) = match kind {
            WebServerKind::Nginx => {
                (dir.path().join("nginx.conf"), nginx(port, &servers, &dns, &dir.path().display().to_string()))
            }
            WebServerKind::Caddy => (dir.path().join("Caddyfile"), caddy(port, &servers)),
        };
        fs::write(&file, replace_each(&text, replaced)).expect("a file");
        // With the descriptor limit of a service manager.
        let mut command = Command::new("sh");
        command.args(["-euc", "ulimit -S -n 1024; exec \"$@\"", "sh"]);
        match kind {
            WebServerKind::Nginx => {
                command.args(["/usr/sbin/nginx", "-p"]).arg(dir.path()).args(["-e", "stderr", "-c"]).arg(&file)
            }
            WebServerKind::Caddy => {
                let caddy = ["caddy", "run", "--adapter", "caddyfile", "--config"];
                command.args(caddy).arg(&file).env("HOME", dir.path())
            }
        };
        let process = Process::spawn("web server", &mut command);
        let web_server = Self { base: format!("http://127.0.0.1:{port}"), dns, _dir: dir, process };
        eventually(SOON, "the web server forwards requests", || async {
            let response =
                HttpClient::new(&web_server.base).try_get("/readyz").await.map_err(|error| error.to_string())?;
            if response.status == 200 { Ok(()) } else { Err(response.status.to_string()) }
        })
        .await;
        web_server
    }

    /// Returns the base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the name server that nginx asks.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Returns the log.
    pub fn log(&self) -> String {
        self.process.stderr().join("\n")
    }

    /// Returns the descriptor limit of each worker.
    pub fn worker_descriptor_limits(&self) -> Vec<u64> {
        self.workers().into_iter().map(descriptor_limit).collect()
    }

    fn workers(&self) -> Vec<i32> {
        let id = self.process.id();
        let workers = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        workers.split_whitespace().filter_map(|worker| worker.parse().ok()).collect()
    }
}

impl Drop for WebServer {
    /// nginx's workers outlive a killed master.
    fn drop(&mut self) {
        let workers = self.workers();
        self.process.kill();
        for worker in workers.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(worker, Signal::KILL);
        }
    }
}

fn addresses(cluster: &Cluster) -> Vec<SocketAddrV4> {
    cluster.instances.iter().map(|instance| instance.address().parse().expect("an address")).collect()
}

fn descriptor_limit(pid: i32) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("a number")
}

/// Adapts the shipped configuration: a local port, the name server of the test, and files in a temporary directory.
fn nginx(port: u16, servers: &[SocketAddrV4], dns: &Dns, dir: &str) -> String {
    let shipped = include_str!("../../../deploy/nginx/nginx.conf");
    assert!(servers.iter().all(|server| server.port() == servers[0].port()), "a name has one port: {servers:?}");
    let paths =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("    {kind}_temp_path {dir}/{kind};"));
    let text = replace_each(
        shipped,
        &[
            ("listen 8080;", &format!("listen 127.0.0.1:{port};")),
            ("resolver 127.0.0.11 ", &format!("resolver 127.0.0.1:{} ", dns.port())),
            ("app:8080;", &format!("app:{};", servers[0].port())),
            ("http {\n", &format!("http {{\n{}\n", paths.join("\n"))),
        ],
    );
    format!("pid {dir}/nginx.pid;\n{text}")
}

fn caddy(port: u16, servers: &[SocketAddrV4]) -> String {
    let shipped = include_str!("../../../deploy/caddy/Caddyfile");
    let names: Vec<_> = servers.iter().map(ToString::to_string).collect();
    let listen = format!("\nhttp://127.0.0.1:{port} {{");
    replace_each(shipped, &[("\n:8080 {", &listen), ("app1:8080 app2:8080", &names.join(" "))])
}
