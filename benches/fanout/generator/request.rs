//! Requests to a generator and its replies, one line of JSON each.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Serialize};

use super::dialect::Dialect;

/// A request; the next one is read when this is done.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Open this many more clients, evenly over the targets.
    Open(Open),
    /// Send messages (none at a rate of zero) and measure.
    Load(Load),
    /// Disconnect all clients except the first at once and reconnect them, while the first keeps sending.
    Storm(Load),
    /// Say that this share of the clients, without the senders, is hidden and the others are not.
    Hide(f64),
    /// Open another client that reads one byte per second and is not counted.
    Slow(Open),
    /// Open hostile clients of all targets.
    Hostile(Open),
    /// Let browsers arrive: they open the pages, sign in and join.
    Arrive(Arrive),
}

/// Browsers that arrive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arrive {
    pub targets: Vec<SocketAddr>,
    pub count: usize,
    pub sign_in: SignIn,
    /// Seconds over which they start; zero = at once.
    pub over_seconds: f64,
    /// All wait for the last one after every step, so that the steps' CPU can be told apart.
    pub step_by_step: bool,
    /// Processes whose CPU is measured.
    pub watch: Vec<u32>,
}

/// How browsers sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignIn {
    /// By the form.
    Form,
    /// By a token that their site signs.
    Token { secret: String, audience: String },
    /// They have a session already, and open their sockets only.
    Done,
}

/// A part of arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The page with the form.
    Form,
    /// Posting the form, or the token.
    SignIn,
    /// The page of the room.
    Room,
    /// The socket, until the welcome.
    Socket,
}

impl SignIn {
    /// The steps of a browser, in their order.
    pub fn steps(&self) -> &'static [Step] {
        match self {
            Self::Form => &[Step::Form, Step::SignIn, Step::Room, Step::Socket],
            Self::Token { .. } => &[Step::SignIn, Step::Room, Step::Socket],
            Self::Done => &[Step::Socket],
        }
    }
}

/// Clients to open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    pub dialect: Dialect,
    pub targets: Vec<SocketAddr>,
    pub count: usize,
    /// Seconds over which to spread them; zero = as fast as possible.
    pub over_seconds: f64,
}

/// A load and the processes to watch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// Messages per second in total.
    pub rate: f64,
    /// Number of clients that send, in turn.
    pub senders: usize,
    pub text_bytes: usize,
    /// Seconds of load before the measurement.
    pub warm_seconds: f64,
    pub seconds: f64,
    /// Processes whose CPU is measured.
    pub watch: Vec<u32>,
}

/// The reply to a request.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    OpenResult(OpenResult),
    LoadResult(LoadResult),
    StormResult(StormResult),
    ArriveResult(ArriveResult),
    Done,
    Failed(String),
}

/// The result of opening clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenResult {
    pub seconds: f64,
    /// Bytes received by all clients meanwhile, and those of presence frames.
    pub bytes: u64,
    pub presence_bytes: u64,
    pub stats: GeneratorStats,
    /// The first session's cookie, for other requests.
    pub cookie: String,
}

/// The result of arriving.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArriveResult {
    /// Seconds from the first connect to the last welcome.
    pub seconds: f64,
    pub welcomed: usize,
    /// Browsers that were refused, by the answer.
    pub refused: BTreeMap<String, usize>,
    /// From a browser's first connect to its welcome.
    pub each: Latency,
    /// CPU seconds of each watched process in each step, if they went step by step; else one entry for all.
    pub cpu: Vec<(Step, Vec<f64>)>,
    /// The first session's cookie, for other requests.
    pub cookie: String,
    pub stats: GeneratorStats,
}

/// The result of a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadResult {
    pub seconds: f64,
    pub clients: usize,
    pub sent: u64,
    pub deliveries: u64,
    pub bytes: u64,
    /// Missing deliveries, and disconnected clients.
    pub missing: i64,
    pub lost: usize,
    /// CPU seconds of each watched process.
    pub cpu: Vec<f64>,
    /// From send to each delivery to a visible client; `cross`: only between different servers; `hidden`: to a hidden client.
    pub latency: Latency,
    pub cross: Latency,
    pub hidden: Latency,
    /// From send to the last client, per message.
    pub last: Latency,
    pub stats: GeneratorStats,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// Load and lag of the generator itself.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct GeneratorStats {
    /// Share of one core.
    pub cpu: f64,
    /// Lag behind its schedule in milliseconds.
    pub lag_p99: f64,
}

/// Above this share of a core a generator is the bottleneck.
const CPU_LIMIT: f64 = 0.95;
/// Lag in milliseconds above which its own delay dominates the latencies.
const LAG_LIMIT: f64 = 30.0;

impl GeneratorStats {
    /// Returns whether the generator was not the bottleneck.
    pub fn kept_up(&self) -> bool {
        self.cpu < CPU_LIMIT && self.lag_p99 <= LAG_LIMIT
    }
}

/// The result of a storm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StormResult {
    /// Seconds from the disconnect to the last welcome.
    pub seconds: f64,
    pub clients: usize,
    pub recovered: usize,
    /// Messages that a client received twice or never, by their numbers.
    pub wrong: u64,
    pub sent: u64,
    pub cpu: Vec<f64>,
    pub stats: GeneratorStats,
}
