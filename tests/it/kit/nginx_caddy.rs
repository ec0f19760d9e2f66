//! A real nginx or Caddy, with the configuration that the project ships.

use std::{fs, process::Command};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    Cluster,
    http_client::HttpClient,
    process::{Process, free_port, scratch},
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
    _dir: TempDir,
    process: Process,
}

impl WebServer {
    /// Starts it and waits until it forwards requests to an instance.
    pub async fn start(cluster: &Cluster, kind: WebServerKind) -> Self {
        let (dir, port) = (scratch(), free_port());
        let servers: Vec<_> = cluster.instances.iter().map(|instance| instance.address()).collect();
        let (file, text) = match kind {
            WebServerKind::Nginx => {
                (dir.path().join("nginx.conf"), nginx(port, &servers, &dir.path().display().to_string()))
            }
            WebServerKind::Caddy => (dir.path().join("Caddyfile"), caddy(port, &servers)),
        };
        fs::write(&file, text).expect("a file");
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
        let web_server = Self { base: format!("http://127.0.0.1:{port}"), _dir: dir, process };
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

fn descriptor_limit(pid: i32) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("a number")
}

/// Adapts the shipped configuration: local port, servers, and files in a temporary directory.
fn nginx(port: u16, servers: &[&str], dir: &str) -> String {
    let shipped = include_str!("../../../deploy/nginx/nginx.conf");
    let line = |line: &str| match line.trim_start().strip_prefix("server app1:8080") {
        Some(options) => servers.iter().map(|server| format!("        server {server}{options}\n")).collect(),
        None if line.contains("app2:8080") => String::new(),
        None => format!("{line}\n"),
    };
    let mut text: String = shipped.lines().map(line).collect();
    text = text.replace("listen 8080;", &format!("listen 127.0.0.1:{port};"));
    let paths =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("    {kind}_temp_path {dir}/{kind};"));
    assert!(text.contains(servers[0]), "the shipped configuration names app1 and app2: {text}");
    text = text.replace("http {\n", &format!("http {{\n{}\n", paths.join("\n")));
    format!("pid {dir}/nginx.pid;\n{text}")
}

fn caddy(port: u16, servers: &[&str]) -> String {
    let shipped = include_str!("../../../deploy/caddy/Caddyfile");
    let text = shipped.replace("\n:8080 {", &format!("\nhttp://127.0.0.1:{port} {{"));
    let text = text.replace("app1:8080 app2:8080", &servers.join(" "));
    assert!(text.contains(servers[0]), "the shipped configuration names app1 and app2: {text}");
    text
}
