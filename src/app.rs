//! The composition root: choose the engine, wire the parts, serve, drain.

mod check;
mod memory_limit;
mod metrics;
mod shutdown;

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::check::{CheckError, check};
use self::shutdown::Stops;
use crate::{
    backplane::{Backplane, RetentionPolicy, memory::Memory, redis::Redis},
    protocol::{Limits, TEXT_CHARS},
    redis::{ConnectError, Keys, MemoryMonitor, RedisConnector},
    room::{self, Room},
    server,
    session::{self, Sessions, Store},
    settings::Settings,
    socket::{self, Sockets},
    web::{self, Retention, Web},
};

/// Descriptors kept free beyond those of sockets: pages, probes, Redis.
const OTHER_CONNECTIONS: usize = 64;
/// The part of the memory that may wait for slow clients.
const WAITING_PART: usize = 8;

/// Why the room could not be opened, or not be kept open.
#[derive(Debug, Error)]
pub enum RunError {
    /// The address is not to be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Redis' settings cannot be used.
    #[error(transparent)]
    Redis(#[from] ConnectError),
    /// The system does not let us hear of signals.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
}

/// Serves the room until it is told to stop, then hands its people over.
///
/// # Errors
/// What keeps it from serving.
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let mut stops = Stops::listen().map_err(RunError::Signals)?;
    let listener = listener(settings.listen).await.map_err(|error| RunError::Listen(settings.listen, error))?;
    let address = listener.local_addr().map_err(|error| RunError::Listen(settings.listen, error))?;

    let (backplane, store) = engine(&settings)?;
    let room = Room::open(backplane, room_options(&settings));
    let (router, sockets) = wire(&settings, room, store);
    let closing = CancellationToken::new();
    if settings.telemetry.metrics.are_wanted() {
        metrics::observe(&sockets, memory_monitor(&settings)?);
    }
    if let Some(address) = settings.metrics_listen {
        let serving = metrics::serve(address, closing.clone()).await;
        // It ends with the rest, and is not waited for.
        let _serving = serving.map_err(|error| RunError::Listen(address, error))?;
    }
    let serving = tokio::spawn(server::serve(listener, router, server_options(&settings), closing.clone()));
    announce(address);
    tell_systemd(NotifyState::Ready);

    stops.next().await;
    tell_systemd(NotifyState::Stopping);
    tracing::info!("draining: handing everybody over");
    let drained = async {
        let left = sockets.drain(settings.drain_timeout).await;
        closing.cancel();
        // The server bounds its own end.
        let unfinished = serving.await.map_or(0, |served| served.unfinished);
        tracing::info!(left, unfinished, "closed");
    };
    tokio::select! {
        () = drained => {}
        () = stops.next() => tracing::warn!("told to stop twice: not waiting for anybody"),
    }
    Ok(())
}

/// The socket that systemd opened for us, or one of our own.
async fn listener(listen: SocketAddr) -> io::Result<TcpListener> {
    match ListenFd::from_env().take_tcp_listener(0)? {
        Some(handed_over) => {
            handed_over.set_nonblocking(true)?;
            TcpListener::from_std(handed_over)
        }
        None => TcpListener::bind(listen).await,
    }
}

/// Tells systemd, where it asked for that.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// What instances share, and where sessions are kept.
fn engine(settings: &Settings) -> Result<(Arc<dyn Backplane>, Store), RunError> {
    let keeping = RetentionPolicy {
        history: settings.history,
        history_age: settings.history_age,
        name_hold: settings.name_hold,
        messages: settings.message_rate(),
    };
    match link(settings)? {
        None => {
            tracing::warn!("no REDIS_URL: the room lives in this process alone, other instances are other rooms");
            Ok((Arc::new(Memory::new(keeping)), Store::memory()))
        }
        Some(link) => {
            let store = Store::redis(link.client()?, &settings.namespace);
            tracing::info!("joining the room in Redis");
            Ok((Arc::new(Redis::new(link, &settings.namespace, keeping)?), store))
        }
    }
}

/// Of the Redis, where there is one.
fn memory_monitor(settings: &Settings) -> Result<MemoryMonitor, ConnectError> {
    let Some(link) = link(settings)? else { return Ok(MemoryMonitor::default()) };
    Ok(MemoryMonitor::watch(link.client()?, &Keys::new(&settings.namespace)))
}

fn link(settings: &Settings) -> Result<Option<RedisConnector>, ConnectError> {
    settings.redis().map(|options| RedisConnector::new(&options)).transpose()
}

fn wire(settings: &Settings, room: Room, store: Store) -> (axum::Router, Sockets) {
    let site = settings.site_policy();
    let sessions = Sessions::new(
        store,
        session::Options { idle: settings.session_idle, max: settings.session_max, secure: site.is_https() },
    );
    let sockets = Sockets::new(
        room.clone(),
        sessions.clone(),
        site.clone(),
        socket::Options {
            messages: settings.message_rate(),
            address_factor: 10,
            connections_per_address: settings.connections_per_address,
            max_connections: settings.max_connections,
            waiting_bytes: memory_limit::available() / WAITING_PART,
        },
    );
    let options = web::Options {
        sign_ins_per_minute: settings.sign_ins_per_minute,
        retention: retention(settings),
        operator_token: settings.operator_token.clone(),
    };
    let pages = web::router(Web::new(room, sessions.clone(), site.clone(), options));
    let router = web::layers(pages.merge(socket::router(sockets.clone())), &sessions, &site);
    (router, sockets)
}

fn retention(settings: &Settings) -> Retention {
    Retention {
        history: settings.history,
        history_age: settings.history_age,
        name_hold: settings.name_hold,
        session_idle: settings.session_idle,
        session_max: settings.session_max,
    }
}

fn room_options(settings: &Settings) -> room::Options {
    room::Options {
        leave_grace: settings.leave_grace,
        lease: settings.lease,
        name_hold: settings.name_hold,
        history_age: settings.history_age,
        limits: Limits { text_chars: TEXT_CHARS, messages_per_second: settings.messages_per_second },
    }
}

/// A full room still answers pages and probes.
fn server_options(settings: &Settings) -> server::Options {
    let mut options = settings.server();
    options.max_connections += OTHER_CONNECTIONS;
    options
}

/// The one line on stdout: where to point a browser.
fn announce(address: SocketAddr) {
    let shown =
        if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() };
    // Whoever closed stdout does not want to know.
    let _ = writeln!(io::stdout(), "ruang is open at http://{shown}");
}
