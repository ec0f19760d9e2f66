//! An https address, and requests to it by curl, which trusts only the test's authority.

use std::fs;

use tempfile::TempDir;

use super::{
    authority::Authority,
    process::{free_port, scratch},
    wait::{SOON, within},
};

/// A port of localhost and its certificate.
pub struct Https {
    port: u16,
    authority: Authority,
    dir: TempDir,
    url: String,
}

impl Https {
    /// Creates the certificate in the format that `deploy/haproxy/tls.cfg` needs.
    pub fn new() -> Self {
        let (port, dir, authority) = (free_port(), scratch(), Authority::new("localhost"));
        let parts = ["server.pem", "server.key"].map(|part| fs::read_to_string(authority.path(part)).expect("a part"));
        fs::write(dir.path().join("ruang.pem"), parts.concat()).expect("a file");
        Self { port, authority, dir, url: format!("https://localhost:{port}") }
    }

    /// Returns the public URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs curl with these arguments and returns head and body of the response.
    pub async fn curl(&self, path: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = tokio::process::Command::new("curl");
        command.args(["--silent", "--show-error", "--include", "--cacert"]).arg(self.authority.path("ca.pem"));
        command.args(arguments).arg(format!("{}{path}", self.url)).env_clear();
        let output = within(SOON, "curl", command.output()).await.expect("curl runs: tests/run installs it");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Checks that `/readyz` returns 200.
    pub(super) async fn check_readyz(&self) -> Result<(), String> {
        let response = self.curl("/readyz", &[]).await?;
        if response.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(response) }
    }

    /// Adapts the shipped configuration: local port and path of the certificate.
    pub(super) fn adapt(&self, shipped: &str) -> String {
        let port = format!("bind 127.0.0.1:{}", self.port);
        let text =
            shipped.replace("bind :8443", &port).replace("/etc/ruang/tls", &self.dir.path().display().to_string());
        assert!(text.contains(&port), "the shipped configuration listens on 8443: {text}");
        text
    }
}
