//! A certificate authority for tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::process::scratch;

/// A certificate authority and the certificate of one server.
pub struct Authority(TempDir, Vec<PathBuf>);

impl Authority {
    /// Creates the authority and a certificate for a server of this name.
    pub fn new(name: &str) -> Self {
        let dir = scratch();
        let extensions = format!("basicConstraints=CA:FALSE\nsubjectAltName=DNS:{name}\n");
        std::fs::write(dir.path().join("server.ext"), extensions).expect("a file");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        openssl(dir.path(), &format!("req -x509 {key} -subj /CN=authority -keyout ca.key -out ca.pem"));
        openssl(
            dir.path(),
            &format!("req {key} -subj /CN={name} -keyout server.key -out server.csr").replace("-days 2", ""),
        );
        openssl(
            dir.path(),
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem",
        );
        let files = ["ca.pem", "server.pem", "server.key"].map(|file| dir.path().join(file)).into();
        Self(dir, files)
    }

    /// Returns an acceptor that serves TLS with the server's certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        let certificates = CertificateDer::pem_file_iter(self.path("server.pem")).expect("a file");
        let certificates = certificates.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        TlsAcceptor::from(Arc::new(config.with_single_cert(certificates, key).expect("a certificate and its key")))
    }

    /// Returns the path of `ca.pem`, `server.pem` or `server.key`.
    pub fn path(&self, file: &str) -> &str {
        let found = self.1.iter().find(|path| path.ends_with(file));
        found.and_then(|path| path.to_str()).unwrap_or_else(|| panic!("{file} in {:?}", self.0))
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(dir).output();
    let output = output.expect("openssl runs: tests/run installs it");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
