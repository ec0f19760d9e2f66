//! The composition root: chooses the backplane and the session store, wires the modules, serves, drains.

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
use tower_sessions::SessionStore;

pub use self::check::{CheckError, check, key_patterns};
use self::shutdown::StopSignals;
use crate::{
    backplane::{Backplane, RetentionPolicy, memory::MemoryBackplane, redis::RedisBackplane},
    origin::BasePath,
    protocol::{Limits, TEXT_CHARS},
    queue_memory::QueueMemory,
    redis::{ConnectError, Keys, MemoryMonitor, RedisConnector},
    room::{self, Machine, Room},
    server,
    session::{
        self, AccountGate, Bots, GuessGate, MemorySessionStore, ModeratorSessions, RedisSessionStore, Sessions,
        SignInGate,
    },
    settings::Settings,
    socket::{self, Sockets},
    web::{self, Accounts, Retention, Web},
};

/// File descriptors reserved for other things than sockets: pages, probes, Redis.
const OTHER_CONNECTIONS: usize = 64;
/// The share of memory, as a divisor, for frames that wait for slow clients.
const QUEUE_SHARE: usize = 8;

/// Why the server cannot start or go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// The address cannot be bound.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The settings of Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] ConnectError),
    /// Signal handlers cannot be installed.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// An essential task has panicked.
    #[error("an essential task has panicked")]
    Panicked,
}

impl RunError {
    /// Returns the exit code of the process: 70 is `EX_SOFTWARE` of sysexits.h.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Panicked) { 70 } else { 1 }
    }
}

/// Serves the room on a machine until a signal, then drains: clients move to other instances.
pub async fn run(settings: Settings, machine: Arc<dyn Machine>) -> Result<(), RunError> {
    let mut signals = StopSignals::listen().map_err(RunError::Signals)?;
    let listener = listener(settings.listen).await.map_err(|error| RunError::Listen(settings.listen, error))?;
    let address = listener.local_addr().map_err(|error| RunError::Listen(settings.listen, error))?;

    let (backplane, store) = engine(&settings)?;
    let room = Room::open_on(machine, backplane, room_options(&settings));
    let failed = room.failed();
    let memory = memory_monitor(&settings)?;
    let gates = gates(&settings, memory.clone())?;
    let (router, sockets) = wire(&settings, room, store, gates);
    let closing = CancellationToken::new();
    if settings.telemetry.metrics.is_enabled() {
        metrics::observe(&sockets, memory);
    }
    if let Some(address) = settings.metrics_listen {
        let serving = metrics::serve(address, closing.clone()).await;
        // It ends on the same token, and is not awaited.
        let _serving = serving.map_err(|error| RunError::Listen(address, error))?;
    }
    let mut serving = tokio::spawn(server::serve(listener, router, server_options(&settings), closing.clone()));
    announce(address, settings.site_policy().base_path());
    notify_systemd(NotifyState::Ready);

    tokio::select! {
        () = signals.next() => {}
        // Its clients are cut; a supervisor starts the process again.
        () = failed => return Err(RunError::Panicked),
        _ = &mut serving => return Err(RunError::Panicked),
    }
    notify_systemd(NotifyState::Stopping);
    tracing::info!("draining: clients are sent to other instances");
    let drained = async {
        let left = sockets.drain(settings.drain_timeout).await;
        closing.cancel();
        // The server bounds this by its own drain time.
        let unfinished = serving.await.map_or(0, |served| served.unfinished);
        tracing::info!(sockets_left = left, requests_left = unfinished, "stopped");
    };
    tokio::select! {
        () = drained => {}
        () = signals.next() => tracing::warn!("second signal: stopping without waiting for clients"),
    }
    Ok(())
}

/// Returns the socket that systemd passed on, or binds one.
async fn listener(listen: SocketAddr) -> io::Result<TcpListener> {
    match ListenFd::from_env().take_tcp_listener(0)? {
        Some(inherited) => {
            inherited.set_nonblocking(true)?;
            TcpListener::from_std(inherited)
        }
        None => TcpListener::bind(listen).await,
    }
}

/// Notifies systemd, if it started this process with a notify socket.
fn notify_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

/// Where the room and its sessions are kept.
type Engine = (Arc<dyn Backplane>, Arc<dyn SessionStore>);

/// Chooses the backplane and the session store.
fn engine(settings: &Settings) -> Result<Engine, RunError> {
    let retention = RetentionPolicy {
        history: settings.history,
        history_age: settings.history_age.0,
        name_hold: settings.name_hold,
        messages: settings.message_rate(),
        bot_messages: settings.bot_message_rate(),
        lease: settings.lease,
        edit_window: settings.edit_window,
    };
    match connector(settings)? {
        None => {
            tracing::warn!("REDIS_URL is not set: this process is the whole room, other instances are other rooms");
            Ok((Arc::new(MemoryBackplane::new(retention)), Arc::new(MemorySessionStore::default())))
        }
        Some(connector) => {
            let store = RedisSessionStore::new(connector.client()?, &settings.namespace);
            tracing::info!("the room is in Redis");
            let backplane = RedisBackplane::new(connector, &settings.namespace, retention)?;
            Ok((Arc::new(backplane.with_pubsub(settings.redis_pubsub)), Arc::new(store)))
        }
    }
}

/// Monitors the memory of Redis, if there is one.
fn memory_monitor(settings: &Settings) -> Result<MemoryMonitor, ConnectError> {
    let Some(connector) = connector(settings)? else { return Ok(MemoryMonitor::default()) };
    Ok(MemoryMonitor::watch(connector.client()?, &Keys::new(&settings.namespace)))
}

/// The state that sign-ins need: limits, tokens that were used, and the sessions of moderators.
struct Gates {
    sign_ins: SignInGate,
    guesses: GuessGate,
    moderators: ModeratorSessions,
    accounts: AccountGate,
}

/// Makes the gates, over all instances if they share a Redis.
fn gates(settings: &Settings, memory: MemoryMonitor) -> Result<Gates, ConnectError> {
    let rates = settings.sign_in_rates();
    let Some(connector) = connector(settings)? else {
        return Ok(Gates {
            sign_ins: SignInGate::local(rates),
            guesses: GuessGate::local(),
            accounts: AccountGate::local(),
            moderators: ModeratorSessions::local(),
        });
    };
    let (client, namespace) = (connector.client()?, &settings.namespace);
    Ok(Gates {
        guesses: GuessGate::shared(client.clone(), namespace),
        accounts: AccountGate::shared(client.clone(), namespace),
        moderators: ModeratorSessions::shared(client.clone(), namespace),
        sign_ins: SignInGate::shared(rates, client, namespace, memory),
    })
}

fn connector(settings: &Settings) -> Result<Option<RedisConnector>, ConnectError> {
    settings.redis().map(|options| RedisConnector::new(&options)).transpose()
}

fn wire(settings: &Settings, room: Room, store: Arc<dyn SessionStore>, gates: Gates) -> (axum::Router, Sockets) {
    let site = settings.site_policy();
    let options =
        session::Options { idle: settings.session_idle, max: settings.session_max, cookies: site.cookie_scope() };
    let clock = room.clone();
    let bots = settings.bots.clone().unwrap_or_default();
    let sessions = Sessions::new(store, options).with_clock(Arc::new(move || clock.now()));
    let sessions = sessions.with_bots(bots, gates.guesses.clone());
    let queue_memory = Arc::new(QueueMemory::new(memory_limit::available() / QUEUE_SHARE));
    let options = socket_options(settings, Arc::clone(&queue_memory));
    let sockets = Sockets::new(room.clone(), sessions.clone(), site.clone(), options);
    let options = web_options(settings, gates, Arc::clone(&queue_memory));
    let web = Web::new(room, sessions.clone(), site.clone(), options);
    let socket_routes = web::recognise_moderators(socket::router(sockets.clone()), &web);
    let router = web::layers(web::router(web).merge(socket_routes), &sessions, &site, queue_memory);
    (router, sockets)
}

fn socket_options(settings: &Settings, queue_memory: Arc<QueueMemory>) -> socket::Options {
    socket::Options {
        messages: settings.message_rate(),
        bot_messages: settings.bot_message_rate(),
        senders_per_address: settings.senders_per_address,
        connections_per_address: settings.connections_per_address,
        max_connections: settings.max_connections,
        queue_memory,
    }
}

fn web_options(settings: &Settings, gates: Gates, queue_memory: Arc<QueueMemory>) -> web::Options {
    web::Options {
        sign_ins_per_minute: settings.sign_ins_per_minute,
        sign_in_gate: gates.sign_ins,
        guess_gate: gates.guesses,
        moderator_sessions: gates.moderators,
        reads_per_second: settings.reads_per_second,
        queue_memory,
        retention: Retention {
            history: settings.history,
            history_age: settings.history_age.0,
            name_hold: settings.name_hold,
            session_idle: settings.session_idle,
            session_max: settings.session_max,
        },
        ways: settings.sign_in,
        accounts: Accounts {
            verifier: settings.token_verifier(),
            gate: gates.accounts,
            user_header: settings.user_header.clone(),
            keep: settings.session_max,
        },
        brand: settings.brand(),
        operator_tokens: settings.operator_tokens.clone(),
    }
}

fn room_options(settings: &Settings) -> room::Options {
    room::Options {
        leave_grace: settings.leave_grace,
        lease: settings.lease,
        name_hold: settings.name_hold,
        history_age: settings.history_age.0,
        bots: settings.bots.as_ref().map(Bots::names).unwrap_or_default(),
        limits: Limits {
            text_chars: TEXT_CHARS,
            messages_per_second: settings.messages_per_second,
            edit_ms: u64::try_from(settings.edit_window.as_millis()).unwrap_or(u64::MAX),
        },
    }
}

/// The server accepts more connections than sockets, so that a full room still answers pages and probes.
fn server_options(settings: &Settings) -> server::Options {
    let max_connections = settings.max_connections + OTHER_CONNECTIONS;
    server::Options { max_connections, drain: settings.drain_timeout, ..server::Options::default() }
}

/// Prints the one line on stdout: the address for a browser.
fn announce(address: SocketAddr, path: BasePath) {
    let shown =
        if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() };
    // A closed stdout is no failure.
    let _ = writeln!(io::stdout(), "ruang is open at http://{shown}{}", path.as_str());
}
