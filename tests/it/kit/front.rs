//! A real nginx or Caddy, with the configuration that the project ships.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::{
    Cluster,
    process::{Process, free_port, scratch},
    visitor::Visitor,
    wait::{SOON, eventually},
};

/// Which web server.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `deploy/nginx/nginx.conf`
    Nginx,
    /// `deploy/caddy/Caddyfile`
    Caddy,
}

/// A web server in front of a cluster.
pub struct Front {
    base: String,
    _dir: TempDir,
    _process: Process,
}

impl Front {
    /// Starts it, and waits until it passes requests to an instance.
    pub async fn before(cluster: &Cluster, kind: Kind) -> Self {
        let (dir, port) = (scratch(), free_port());
        let servers: Vec<_> = cluster.instances.iter().map(|instance| instance.address()).collect();
        let (file, text) = match kind {
            Kind::Nginx => (dir.path().join("nginx.conf"), nginx(port, &servers, &dir.path().display().to_string())),
            Kind::Caddy => (dir.path().join("Caddyfile"), caddy(port, &servers)),
        };
        fs::write(&file, text).expect("a file");
        let mut command = match kind {
            Kind::Nginx => Command::new("/usr/sbin/nginx"),
            Kind::Caddy => Command::new("caddy"),
        };
        match kind {
            Kind::Nginx => command.arg("-p").arg(dir.path()).arg("-e").arg("stderr").arg("-c").arg(&file),
            Kind::Caddy => {
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", dir.path())
            }
        };
        let process = Process::spawn("web server", &mut command);
        let front = Self { base: format!("http://127.0.0.1:{port}"), _dir: dir, _process: process };
        eventually(SOON, "it passes requests", || async {
            let answer = Visitor::at(&front.base).try_get("/readyz").await.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(()) } else { Err(answer.status.to_string()) }
        })
        .await;
        front
    }

    /// Where it listens.
    pub fn base(&self) -> &str {
        &self.base
    }
}

/// The shipped configuration, but for where it listens, who its servers are, and files in a directory of the test's own.
fn nginx(port: u16, servers: &[&str], dir: &str) -> String {
    let shipped = include_str!("../../../deploy/nginx/nginx.conf");
    let named: Vec<String> =
        servers.iter().map(|server| format!("        server {server} max_fails=1 fail_timeout=1s;")).collect();
    let mut text = shipped.replace("listen 8080;", &format!("listen 127.0.0.1:{port};"));
    text = text.replace("        server app1:8080 max_fails=1 fail_timeout=1s;\n", &format!("{}\n", named.join("\n")));
    text = text.replace("        server app2:8080 max_fails=1 fail_timeout=1s;\n", "");
    let paths =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|what| format!("    {what}_temp_path {dir}/{what};"));
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
