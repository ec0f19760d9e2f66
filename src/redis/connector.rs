//! Connections to one Redis (or Sentinel, or Cluster) that reconnect and never hang.
//!
//! fred's defaults have no reconnect policy, no deadline, an unbounded queue, and retry writes: each is set here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fred::{
    clients::{Client, SubscriberClient},
    prelude::{Builder, ClientLike, ReconnectPolicy},
    types::config::{ReconnectError, TlsConfig, TlsConnector, UnresponsiveConfig},
};
use thiserror::Error;

use super::nodes::config_from_url;

/// How long a command may take. A command that timed out may still have run.
const COMMAND_DEADLINE: Duration = Duration::from_millis(1500);
/// Most commands that wait for one connection.
const COMMANDS_WAITING: usize = 4096;
/// Most messages that wait for a subscription.
const MESSAGES_WAITING: usize = 8192;
/// Shortest and longest time between two attempts to connect, in milliseconds.
const BACKOFF: (u32, u32) = (100, 1000);
/// A connection that does not reply for this long is dropped.
const UNRESPONSIVE: Duration = Duration::from_secs(3);

/// How to reach Redis.
#[derive(Clone)]
pub struct Options {
    /// The URL, as fred takes it. May contain a password: never log it.
    pub url: String,
    /// The password, if it is not in the URL.
    pub password: Option<String>,
    /// CA certificates in PEM, instead of the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Why no connection can be made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The URL or its options are invalid.
    #[error("the Redis URL cannot be used: {0}")]
    Url(String),
    /// The certificates cannot be read.
    #[error("the certificates in {0} cannot be used: {1}")]
    Certificates(PathBuf, String),
}

/// Makes connections.
#[derive(Clone)]
pub struct RedisConnector {
    builder: Builder,
}

impl RedisConnector {
    /// Checks the options. Connects nowhere yet.
    pub fn new(options: &Options) -> Result<Self, ConnectError> {
        let mut config = config_from_url(&options.url)?;
        config.fail_fast = false;
        if let Some(password) = &options.password {
            config.password = Some(password.clone());
        }
        if let Some(file) = &options.ca_file {
            config.tls = Some(TlsConfig::from(trust(file)?));
        }
        let mut builder = Builder::from_config(config);
        builder
            .set_policy(ReconnectPolicy::new_exponential(0, BACKOFF.0, BACKOFF.1, 2))
            .with_performance_config(|performance| {
                performance.default_command_timeout = COMMAND_DEADLINE;
                performance.broadcast_channel_capacity = MESSAGES_WAITING;
            })
            .with_connection_config(|connection| {
                connection.connection_timeout = COMMAND_DEADLINE;
                connection.internal_command_timeout = COMMAND_DEADLINE;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = COMMANDS_WAITING;
                connection.unresponsive =
                    UnresponsiveConfig { max_timeout: Some(UNRESPONSIVE), interval: UNRESPONSIVE / 6 };
                connection.tcp.nodelay = Some(true);
                connection.reconnect_errors = vec![
                    ReconnectError::ClusterDown,
                    ReconnectError::Loading,
                    ReconnectError::MasterDown,
                    ReconnectError::ReadOnly,
                ];
            });
        Ok(Self { builder })
    }

    /// A connection for commands, that connects in the background and for as long as it exists.
    ///
    /// # Errors
    /// [`ConnectError::Url`] if the options do not fit together.
    pub fn client(&self) -> Result<Client, ConnectError> {
        let client = self.builder.build().map_err(|error| ConnectError::Url(error.details().to_owned()))?;
        client.connect();
        Ok(client)
    }

    /// A connection for one subscription, that connects in the background and for as long as it exists.
    ///
    /// # Errors
    /// [`ConnectError::Url`] if the options do not fit together.
    pub fn subscriber(&self) -> Result<SubscriberClient, ConnectError> {
        let client =
            self.builder.build_subscriber_client().map_err(|error| ConnectError::Url(error.details().to_owned()))?;
        client.connect();
        Ok(client)
    }
}

fn trust(file: &PathBuf) -> Result<TlsConnector, ConnectError> {
    use fred::rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    };
    let bad = |error: String| ConnectError::Certificates(file.clone(), error);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("the file holds none".to_owned()));
    }
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::Rustls(Arc::new(client).into()))
}
