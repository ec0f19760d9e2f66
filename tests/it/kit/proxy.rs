//! The network between instances and Redis, as bad as a test wants it.

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

/// Connections at once: more are not accepted.
const CONNECTIONS: usize = 256;
/// Pieces that wait in one direction of a connection; the sender then waits too.
const PIECES: usize = 64;
/// The longest piece.
const PIECE: usize = 16 * 1024;
/// How a connection is known to be a subscriber's.
const SUBSCRIBE: &[u8] = b"SUBSCRIBE\r\n";

/// A TCP proxy on a port of its own. It stops, and its connections end, when it is dropped.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    serving: JoinHandle<()>,
}

/// Which connections a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All.
    All,
    /// Those on which SUBSCRIBE was said.
    Subscribers,
}

/// What happens to connections at the moment.
#[derive(Clone, Debug, Default)]
struct Weather {
    /// Open, but nothing passes.
    stalled: Option<Target>,
    /// Ended as soon as they are known to be of this kind.
    cut: Option<Target>,
    /// Connections through which nothing will ever pass again.
    half_open: HashSet<u64>,
    /// Those that are open, and whether they subscribed.
    open: Vec<(u64, Arc<AtomicBool>)>,
    /// How much later answers come.
    delay: Duration,
    /// Raised to end everything that is open now.
    storms: u64,
}

impl Proxy {
    /// Passes everything to this port.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let weather = watch::Sender::new(Weather::default());
        let serving = tokio::spawn(serve(listener, target, weather.clone()));
        Self { port, weather, serving }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leaves connections open, but passes nothing.
    pub fn stall(&self, whose: Target) {
        self.weather.send_modify(|weather| weather.stalled = Some(whose));
    }

    /// Ends connections, old and new.
    pub fn cut(&self, whose: Target) {
        self.weather.send_modify(|weather| weather.cut = Some(whose));
    }

    /// Never again passes anything through those connections that subscribed before; new ones are fine.
    pub fn half_open_subscribers(&self) {
        self.weather.send_modify(|weather| {
            let subscribed = weather.open.iter().filter(|(_, subscribed)| subscribed.load(Ordering::Relaxed));
            weather.half_open = subscribed.map(|(id, _)| *id).collect();
        });
    }

    /// Never again passes anything through the connections that are open; new ones are fine.
    pub fn half_open(&self) {
        self.weather.send_modify(|weather| weather.half_open = weather.open.iter().map(|(id, _)| *id).collect());
    }

    /// Has answers come this much later.
    pub fn delay(&self, by: Duration) {
        self.weather.send_modify(|weather| weather.delay = by);
    }

    /// Does it and resets every connection at this rhythm, until it is done.
    pub async fn reset_every<T>(&self, rhythm: Duration, during: impl Future<Output = T>) -> T {
        let mut ticks = interval(rhythm);
        let resets = async {
            loop {
                ticks.tick().await;
                self.weather.send_modify(|weather| weather.storms += 1);
            }
        };
        tokio::select! {
            done = during => done,
            () = resets => unreachable!("resets go on"),
        }
    }

    /// Lets everything pass again; what was stalled goes on.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            (weather.stalled, weather.cut, weather.delay) = (None, None, Duration::ZERO);
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, target: u16, weather: watch::Sender<Weather>) {
    let mut open = JoinSet::new();
    let mut last_id = 0;
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => {
                let Ok((client, _)) = accepted else { continue };
                last_id += 1;
                open.spawn(connect(last_id, client, target, weather.clone()));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

/// Passes one connection until either side, or the weather, ends it. It then ends with a reset.
async fn connect(id: u64, client: TcpStream, target: u16, weather: watch::Sender<Weather>) {
    let Ok(redis) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    for stream in [&client, &redis] {
        let _ = (stream.set_nodelay(true), stream.set_zero_linger());
    }
    let subscribed = Arc::new(AtomicBool::new(false));
    weather.send_modify(|weather| weather.open.push((id, Arc::clone(&subscribed))));
    let sky = Sky { id, subscribed, weather: weather.subscribe(), changes: weather.clone() };
    let ((from_client, to_client), (from_redis, to_redis)) = (client.into_split(), redis.into_split());
    tokio::select! {
        () = pass(from_client, to_redis, sky.clone(), Way::Asking) => {}
        () = pass(from_redis, to_client, sky.clone(), Way::Answering) => {}
        () = sky.strikes() => {}
    }
    weather.send_modify(|weather| weather.open.retain(|(open, _)| *open != id));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Asking,
    Answering,
}

/// Passes one direction, in order, each piece when its time has come.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut sky: Sky, way: Way) {
    let (pieces, mut waiting) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let listening = sky.clone();
    let reading = async move {
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            if way == Way::Asking {
                listening.listen(&piece[..length]);
            }
            let delay = if way == Way::Answering { listening.delay() } else { Duration::ZERO };
            if pieces.send((Instant::now() + delay, piece[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some((due, piece)) = waiting.recv().await {
            sleep_until(due).await;
            sky.clears().await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = writing => {}
        // What was read is still passed.
        () = async { reading.await; pending().await } => {}
    }
}

/// The weather as one connection has it.
#[derive(Clone)]
struct Sky {
    id: u64,
    subscribed: Arc<AtomicBool>,
    weather: watch::Receiver<Weather>,
    changes: watch::Sender<Weather>,
}

impl Sky {
    fn delay(&self) -> Duration {
        self.weather.borrow().delay
    }

    /// Notes what kind of connection it is, by what is said on it.
    fn listen(&self, said: &[u8]) {
        if said.windows(SUBSCRIBE.len()).any(|words| words.eq_ignore_ascii_case(SUBSCRIBE)) {
            self.changes.send_modify(|_| self.subscribed.store(true, Ordering::Relaxed));
        }
    }

    /// Returns once something may pass.
    async fn clears(&mut self) {
        let (id, subscribed) = (self.id, Arc::clone(&self.subscribed));
        let passes = move |weather: &Weather| {
            let subscribed = subscribed.load(Ordering::Relaxed);
            let is_cut = concerns(weather.cut, subscribed);
            !is_cut && !concerns(weather.stalled, subscribed) && !weather.half_open.contains(&id)
        };
        // The sender outlives its connections.
        let _ = self.weather.wait_for(passes).await;
    }

    /// Returns once the connection is to end.
    async fn strikes(mut self) {
        let storms = self.weather.borrow().storms;
        let strikes = move |weather: &Weather| {
            weather.storms != storms || concerns(weather.cut, self.subscribed.load(Ordering::Relaxed))
        };
        let _ = self.weather.wait_for(strikes).await;
    }
}

fn concerns(whose: Option<Target>, subscribed: bool) -> bool {
    match whose {
        Some(Target::All) => true,
        Some(Target::Subscribers) => subscribed,
        None => false,
    }
}
