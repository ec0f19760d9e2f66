//! A real Caddy with `deploy/caddy/tls.caddy`, which gets its certificate from an authority of its own.

use std::{net::IpAddr, process::Command};

use tempfile::TempDir;

use super::{
    process::{Process, free_port, scratch},
    wait::{SOON, eventually, within},
};

/// Caddy in front of HAProxy, as the walk of docs/deploy-a-server.md sets it up.
pub struct CaddyTls {
    plain_port: u16,
    url: String,
    dir: TempDir,
    _process: Process,
}

/// An address that the certificate can be for, before Caddy runs: instances need it at their start.
pub struct PublicAddress {
    port: u16,
    url: String,
}

impl PublicAddress {
    /// Chooses a free port of localhost.
    pub fn new() -> Self {
        let port = free_port();
        Self { port, url: format!("https://localhost:{port}") }
    }

    /// Returns the value for `RUANG_PUBLIC_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl CaddyTls {
    /// Starts Caddy in front of this HAProxy and waits until it forwards requests.
    pub async fn start(public: PublicAddress, haproxy: &str) -> Self {
        let (dir, plain_port) = (scratch(), free_port());
        let options = format!(
            "local_certs\nskip_install_trust\ndefault_bind 127.0.0.1\nhttp_port {plain_port}\nhttps_port {}",
            public.port
        );
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/caddy/tls.caddy"));
        command.env("HOME", dir.path()).env("XDG_DATA_HOME", dir.path()).env("RUANG_CADDY_OPTIONS", options);
        command.env("RUANG_PUBLIC_URL", public.url()).env("RUANG_UPSTREAM", haproxy.trim_start_matches("http://"));
        let process = Process::spawn("caddy", &mut command);
        let caddy = Self { plain_port, url: public.url, dir, _process: process };
        eventually(SOON, "Caddy forwards requests", || async {
            let response = caddy.curl("/readyz", &[]).await?;
            if response.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(response) }
        })
        .await;
        caddy
    }

    /// Returns the base URL of its plain port.
    pub fn plain_base(&self) -> String {
        format!("http://127.0.0.1:{}", self.plain_port)
    }

    /// Signs in from this address and returns the response.
    pub async fn sign_in_from(&self, address: IpAddr, name: &str, arguments: &[&str]) -> String {
        let (form, address) = (format!("username={name}"), address.to_string());
        let sign_in = ["--interface", &address, "--data", &form];
        self.curl("/", &[&sign_in, arguments].concat()).await.expect("a response")
    }

    /// Runs curl, which trusts only Caddy's authority, and returns head and body of the response.
    pub async fn curl(&self, path: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = tokio::process::Command::new("curl");
        command.args(["--silent", "--show-error", "--include", "--http1.1", "--max-time", "5", "--cacert"]);
        command.arg(self.dir.path().join("caddy/pki/authorities/local/root.crt"));
        command.args(arguments).arg(format!("{}{path}", self.url)).env_clear();
        let output = within(SOON, "curl", command.output()).await.expect("curl runs: tests/run installs it");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let response = text(&output.stdout);
        // After an upgrade curl waits until its time is over.
        if response.starts_with("HTTP/1.1 ") { Ok(response) } else { Err(text(&output.stderr)) }
    }
}
