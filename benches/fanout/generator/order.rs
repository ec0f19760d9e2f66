//! What the benchmark asks of a generator, and what it answers: a line of JSON each.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::dialect::Dialect;

/// Something to do; the next order is read when it is done.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Open this many more clients, evenly over the targets.
    Open(Open),
    /// Send (or only listen, at a rate of zero), and measure.
    Load(Load),
    /// Stop all clients but the first at once and bring them back, while the first goes on sending.
    Storm(Load),
    /// One more client, which reads a byte a second from now on, and whose fate nobody counts.
    Slow(Open),
    /// Clients that mean harm to all targets from now on.
    Hostile(Open),
}

/// Clients to open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    pub dialect: Dialect,
    pub targets: Vec<SocketAddr>,
    pub count: usize,
    /// Over how long to spread them; zero is as fast as they are let in.
    pub over_seconds: f64,
}

/// A load and what to look at meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// Messages a second, in all.
    pub rate: f64,
    /// How many of the clients send, in turn.
    pub senders: usize,
    pub text_bytes: usize,
    /// How long the load lasts before it is measured.
    pub warm_seconds: f64,
    pub seconds: f64,
    /// Processes whose CPU is read at both ends of the measurement.
    pub watch: Vec<u32>,
}

/// What became of an order.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Opened(Opened),
    Measured(Measured),
    Stormed(Stormed),
    Failed(String),
}

/// Clients that are in the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opened {
    pub seconds: f64,
    /// Everything and of it presence frames, received by all clients meanwhile.
    pub bytes: u64,
    pub presence_bytes: u64,
    pub own: Own,
    /// The first session's cookie, for questions besides.
    pub cookie: String,
}

/// What was measured under a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub seconds: f64,
    pub clients: usize,
    pub sent: u64,
    pub deliveries: u64,
    pub bytes: u64,
    /// Deliveries that never came, of all that were sent, and clients that were cut.
    pub missing: i64,
    pub lost: usize,
    /// Seconds of CPU, one for each watched process.
    pub cpu: Vec<f64>,
    /// From sending to each delivery; `cross` only where sender and receiver are on different servers.
    pub latency: Latency,
    pub cross: Latency,
    /// From sending to the last of all clients, over messages.
    pub last: Latency,
    pub own: Own,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// How the generator itself fared.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Own {
    /// Share of one core.
    pub cpu: f64,
    /// Milliseconds by which it was late for what it wanted to do.
    pub lag_p99: f64,
}

/// Above this share of a core a generator measures itself.
const MOST_CPU: f64 = 0.95;
/// Milliseconds: later than this, and its latencies are its own.
const MOST_LAG: f64 = 30.0;

impl Own {
    /// Whether what it measured is the servers' doing, not its own.
    pub fn kept_up(&self) -> bool {
        self.cpu < MOST_CPU && self.lag_p99 <= MOST_LAG
    }
}

/// How clients came back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stormed {
    /// From the cut to the last welcome.
    pub seconds: f64,
    pub clients: usize,
    pub recovered: usize,
    /// Messages that a client saw twice or never, told from their numbers.
    pub wrong: u64,
    pub sent: u64,
    pub cpu: Vec<f64>,
    pub own: Own,
}
