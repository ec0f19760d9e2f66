//! A TCP proxy between instances and Redis that injects network faults.

use std::{
    collections::HashSet,
    future::{Future, pending},
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, interval, sleep_until},
};

/// Highest number of open connections.
const CONNECTIONS: usize = 256;
/// Highest number of chunks that wait in one direction of a connection.
const CHUNKS: usize = 64;
/// Highest chunk size in bytes.
const CHUNK_BYTES: usize = 16 * 1024;
/// The command that marks a connection as a subscriber's.
const SUBSCRIBE: &[u8] = b"SUBSCRIBE\r\n";

/// A TCP proxy on a free port. Dropping it stops it and ends its connections.
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    serving: JoinHandle<()>,
}

/// The connections that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All.
    All,
    /// Those that sent SUBSCRIBE.
    Subscribers,
}

/// The active faults and the open connections.
#[derive(Clone, Debug, Default)]
struct State {
    /// Open, but no data passes.
    stalled: Option<Target>,
    /// Reset as soon as they are known to be of this kind.
    cut: Option<Target>,
    /// Ids of connections through which no data passes any more.
    half_open: HashSet<u64>,
    /// Ids of open connections, and whether they subscribed.
    open: Vec<(u64, Arc<AtomicBool>)>,
    /// Delay of the target's replies.
    delay: Duration,
    /// Incremented to reset all open connections.
    resets: u64,
}

impl Proxy {
    /// Starts a proxy to this port.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = watch::Sender::new(State::default());
        let serving = tokio::spawn(serve(listener, target, state.clone()));
        Self { port, state, serving }
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Keeps connections open, but passes no data.
    pub fn stall(&self, target: Target) {
        self.state.send_modify(|state| state.stalled = Some(target));
    }

    /// Resets connections, old and new.
    pub fn cut(&self, target: Target) {
        self.state.send_modify(|state| state.cut = Some(target));
    }

    /// Blocks present subscriber connections for ever; new ones work.
    pub fn half_open_subscribers(&self) {
        self.state.send_modify(|state| {
            let subscribed = state.open.iter().filter(|(_, subscribed)| subscribed.load(Ordering::Relaxed));
            state.half_open = subscribed.map(|(id, _)| *id).collect();
        });
    }

    /// Blocks all open connections for ever; new ones work.
    pub fn half_open(&self) {
        self.state.send_modify(|state| state.half_open = state.open.iter().map(|(id, _)| *id).collect());
    }

    /// Delays the target's replies.
    pub fn delay(&self, by: Duration) {
        self.state.send_modify(|state| state.delay = by);
    }

    /// Runs a future and resets every connection at this interval until it completes.
    pub async fn reset_every<T>(&self, every: Duration, during: impl Future<Output = T>) -> T {
        let mut ticks = interval(every);
        let resets = async {
            loop {
                ticks.tick().await;
                self.state.send_modify(|state| state.resets += 1);
            }
        };
        tokio::select! {
            done = during => done,
            () = resets => unreachable!("resets go on"),
        }
    }

    /// Removes all faults; stalled data is delivered.
    pub fn heal(&self) {
        self.state.send_modify(|state| {
            (state.stalled, state.cut, state.delay) = (None, None, Duration::ZERO);
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, target: u16, state: watch::Sender<State>) {
    let mut open = JoinSet::new();
    let mut last_id = 0;
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => {
                let Ok((client, _)) = accepted else { continue };
                last_id += 1;
                open.spawn(connect(last_id, client, target, state.clone()));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

/// Forwards one connection until either side or a fault ends it, then resets it.
async fn connect(id: u64, client: TcpStream, target: u16, state: watch::Sender<State>) {
    let Ok(redis) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    for stream in [&client, &redis] {
        let _ = (stream.set_nodelay(true), stream.set_zero_linger());
    }
    let subscribed = Arc::new(AtomicBool::new(false));
    state.send_modify(|state| state.open.push((id, Arc::clone(&subscribed))));
    let faults = ConnectionFaults { id, subscribed, state: state.subscribe(), changes: state.clone() };
    let ((from_client, to_client), (from_redis, to_redis)) = (client.into_split(), redis.into_split());
    tokio::select! {
        () = forward(from_client, to_redis, faults.clone(), Direction::ToRedis) => {}
        () = forward(from_redis, to_client, faults.clone(), Direction::ToClient) => {}
        () = faults.wait_for_reset() => {}
    }
    state.send_modify(|state| state.open.retain(|(open, _)| *open != id));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToRedis,
    ToClient,
}

/// Forwards one direction in order, each chunk after its delay.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut faults: ConnectionFaults, direction: Direction) {
    let (chunks, mut waiting) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS);
    let reader = faults.clone();
    let reading = async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            if direction == Direction::ToRedis {
                reader.detect_subscriber(&chunk[..length]);
            }
            let delay = if direction == Direction::ToClient { reader.delay() } else { Duration::ZERO };
            if chunks.send((Instant::now() + delay, chunk[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some((due, chunk)) = waiting.recv().await {
            sleep_until(due).await;
            faults.wait_until_passable().await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = writing => {}
        // The end of reading does not discard chunks that wait.
        () = async { reading.await; pending().await } => {}
    }
}

/// The faults as they apply to one connection.
#[derive(Clone)]
struct ConnectionFaults {
    id: u64,
    subscribed: Arc<AtomicBool>,
    state: watch::Receiver<State>,
    changes: watch::Sender<State>,
}

impl ConnectionFaults {
    fn delay(&self) -> Duration {
        self.state.borrow().delay
    }

    /// Marks the connection as a subscriber's if this data contains SUBSCRIBE.
    fn detect_subscriber(&self, data: &[u8]) {
        if data.windows(SUBSCRIBE.len()).any(|window| window.eq_ignore_ascii_case(SUBSCRIBE)) {
            self.changes.send_modify(|_| self.subscribed.store(true, Ordering::Relaxed));
        }
    }

    async fn wait_until_passable(&mut self) {
        let (id, subscribed) = (self.id, Arc::clone(&self.subscribed));
        let is_passable = move |state: &State| {
            let subscribed = subscribed.load(Ordering::Relaxed);
            let is_cut = applies(state.cut, subscribed);
            !is_cut && !applies(state.stalled, subscribed) && !state.half_open.contains(&id)
        };
        // The sender outlives its connections.
        let _ = self.state.wait_for(is_passable).await;
    }

    async fn wait_for_reset(mut self) {
        let resets = self.state.borrow().resets;
        let is_reset =
            move |state: &State| state.resets != resets || applies(state.cut, self.subscribed.load(Ordering::Relaxed));
        let _ = self.state.wait_for(is_reset).await;
    }
}

fn applies(target: Option<Target>, subscribed: bool) -> bool {
    match target {
        Some(Target::All) => true,
        Some(Target::Subscribers) => subscribed,
        None => false,
    }
}
