//! A TLS server in front of instances, which a test can close like a lost network.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use rand::seq::IndexedRandom;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;

/// Highest number of open connections.
const CONNECTIONS: usize = 64;
/// The longest first part of a request.
const HEAD: usize = 4096;

/// The base URLs of instances; each connection is forwarded to a random one.
pub type Bases = Arc<Mutex<Vec<String>>>;

/// A TLS server as `localhost`. Dropping it ends its connections.
pub struct TlsFront {
    port: u16,
    authority: Authority,
    is_open: watch::Sender<bool>,
    upgraded: Arc<Mutex<Option<String>>>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Forwarder {
    tls: TlsAcceptor,
    bases: Bases,
    upgraded: Arc<Mutex<Option<String>>>,
}

impl TlsFront {
    /// Starts a front of these instances.
    pub async fn start(bases: Bases) -> Self {
        let authority = Authority::new("localhost");
        let tls = authority.acceptor();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (is_open, upgraded) = (watch::Sender::new(true), Arc::default());
        let forwarder = Forwarder { tls, bases, upgraded: Arc::clone(&upgraded) };
        let serving = tokio::spawn(serve(listener, forwarder, is_open.subscribe()));
        Self { port, authority, is_open, upgraded, serving }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Returns the path of the certificate that a client has to trust.
    pub fn ca_file(&self) -> &str {
        self.authority.path("ca.pem")
    }

    /// Ends all connections and accepts no others, or accepts them again.
    pub fn set_open(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }

    /// Returns the instance that the newest upgrade was forwarded to.
    pub fn upgraded(&self) -> Option<String> {
        self.upgraded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, forwarder: Forwarder, mut is_open: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => {
                let Ok((client, _)) = accepted else { continue };
                if *is_open.borrow() {
                    let forwarder = forwarder.clone();
                    connections.spawn(async move { forwarder.forward(client).await });
                }
            }
            Some(_) = connections.join_next() => {}
            Ok(()) = is_open.changed() => {
                if !*is_open.borrow_and_update() {
                    connections.shutdown().await;
                }
            }
        }
    }
}

impl Forwarder {
    /// Forwards one connection; `None` once either side has failed.
    async fn forward(&self, client: TcpStream) -> Option<()> {
        client.set_nodelay(true).ok()?;
        let mut client = self.tls.accept(client).await.ok()?;
        let base = self.bases.lock().unwrap_or_else(PoisonError::into_inner).choose(&mut rand::rng()).cloned()?;
        let mut server = TcpStream::connect(base.strip_prefix("http://")?).await.ok()?;
        server.set_nodelay(true).ok()?;
        let mut head = vec![0; HEAD];
        let length = client.read(&mut head).await.ok()?;
        if head.starts_with(b"GET /ws ") {
            *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
        }
        server.write_all(&head[..length]).await.ok()?;
        copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
    }
}
