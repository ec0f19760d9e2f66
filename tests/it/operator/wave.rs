//! A wave of newcomers in a room where people talk, before and after a moderator's first three commands.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt, stream};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval_at, sleep},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, eventually,
    operator::{act, token_file},
    wait::within,
    ws_client::upgrade_request,
};

const RESIDENTS: usize = 30;
const NEWCOMERS: usize = 200;
/// Newcomers who come after the commands, and the time between two of them.
const LATE: usize = 60;
const ARRIVAL: Duration = Duration::from_millis(200);
const ADDRESSES: usize = 10;
/// The time between two messages of a resident, and of a newcomer.
const TALK: Duration = Duration::from_secs(3);
const SPAM: Duration = Duration::from_secs(8);
/// How long each part is measured.
const MEASURED: Duration = Duration::from_secs(6);
/// How long residents are in the room before the wave, so that a rule can tell them from it until the end.
const AHEAD: Duration = Duration::from_secs(25);
/// People who sign in at a time.
const AT_ONCE: usize = 4;

/// What residents are shown, and when.
#[derive(Default)]
struct Seen(Mutex<Vec<(Instant, Kind)>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// A message of a resident.
    Talk,
    /// A message of a newcomer.
    Spam,
    /// A join or a leave.
    Notice,
}

/// Sights per second and resident.
#[derive(Debug)]
struct Rates {
    talk: f64,
    spam: f64,
    notices: f64,
}

impl Seen {
    fn note(&self, frame: &Value) {
        let now = Instant::now();
        let mut seen = self.0.lock();
        match frame["type"].as_str() {
            Some("message") => {
                let is_resident = frame["from"].as_str().is_some_and(|from| from.starts_with("Warga "));
                seen.push((now, if is_resident { Kind::Talk } else { Kind::Spam }));
            }
            Some("presence") => {
                let named = |list: &str| frame[list].as_array().map_or(0, Vec::len);
                seen.extend(std::iter::repeat_n((now, Kind::Notice), named("joined") + named("left")));
            }
            _ => {}
        }
    }

    /// The rates between two instants, per resident.
    fn rates(&self, from: Instant, to: Instant) -> Rates {
        let seen = self.0.lock();
        let count = |kind| seen.iter().filter(|(at, seen)| *at >= from && *at < to && *seen == kind).count();
        let rate = |kind| {
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let count = count(kind) as f64;
            count / to.duration_since(from).as_secs_f64() / f64::from(u32::try_from(RESIDENTS).unwrap_or(u32::MAX))
        };
        Rates { talk: rate(Kind::Talk), spam: rate(Kind::Spam), notices: rate(Kind::Notice) }
    }
}

impl Rates {
    /// The part of all that the residents see which is their own.
    fn own(&self) -> f64 {
        self.talk / (self.talk + self.spam + self.notices)
    }
}

/// A person in the room, with the text of their `n`th message.
struct Visitor {
    http_client: HttpClient,
    address: String,
    every: Duration,
    text: Box<dyn Fn(usize) -> String + Send + Sync>,
    seen: Option<Arc<Seen>>,
    door: Arc<Door>,
}

/// Lets people in a few at a time, and counts them.
struct Door {
    turns: Semaphore,
    inside: AtomicUsize,
}

impl Door {
    async fn wait_for(&self, people: usize) {
        eventually(SOON * 3, "all are in the room", || async {
            let inside = self.inside.load(Ordering::Relaxed);
            if inside >= people { Ok(()) } else { Err(format!("{inside} of {people}")) }
        })
        .await;
    }
}

type Socket = WebSocketStream<TcpStream>;

impl Visitor {
    /// Signs in, joins, and sends one text after another. Each visitor begins at another time within the interval.
    async fn run(self, name: String, place: usize, of: usize) {
        let turn = self.door.turns.acquire().await.expect("a turn");
        let form = self.http_client.request(Method::POST, "/").header("x-forwarded-for", &self.address);
        Response::to(form.form(&[("username", name)])).await.redirects_to("/chat");
        let mut socket = self.connect().await;
        let join = json!({"type": "join"}).to_string();
        within(SOON, "the server reads", socket.send(Message::text(join))).await.expect("a connection");
        within(SOON, "a welcome", socket.next()).await;
        self.door.inside.fetch_add(1, Ordering::Relaxed);
        drop(turn);
        let first = self.every.mul_f64(
            f64::from(u32::try_from(place).expect("a small number"))
                / f64::from(u32::try_from(of).expect("a small number")),
        );
        let mut ticks = interval_at(tokio::time::Instant::now() + first, self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for n in 0.. {
            if !self.read_until(&mut socket, &mut ticks).await {
                return;
            }
            let frame = json!({"type": "message", "nonce": format!("n{n}"), "text": (self.text)(n)});
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }

    async fn connect(&self) -> Socket {
        let headers = [("origin", self.http_client.base()), ("x-forwarded-for", &self.address)];
        let (address, request) = upgrade_request(&self.http_client, &headers);
        let stream = TcpStream::connect(address).await.expect("the server listens");
        within(SOON * 3, "an upgrade", client_async(request, stream)).await.expect("an upgrade").0
    }

    /// Reads frames until the next message is due. Returns whether the connection goes on.
    async fn read_until(&self, socket: &mut Socket, ticks: &mut tokio::time::Interval) -> bool {
        loop {
            tokio::select! {
                _ = ticks.tick() => return true,
                frame = socket.next() => match (frame, &self.seen) {
                    (Some(Ok(Message::Text(text))), Some(seen)) => {
                        seen.note(&serde_json::from_str(&text).expect("JSON"));
                    }
                    (Some(Ok(_)), _) => {}
                    _ => return false,
                },
            }
        }
    }
}

fn resident(cluster: &Cluster, n: usize, seen: &Arc<Seen>, door: &Arc<Door>) -> Visitor {
    Visitor {
        http_client: cluster.http_client(n % 2),
        address: format!("198.51.100.{}", n + 1),
        every: TALK,
        text: Box::new(move |i| format!("Warga {n} bercerita tentang hari ke-{i}")),
        seen: Some(Arc::clone(seen)),
        door: Arc::clone(door),
    }
}

/// One of four kinds: links, the same text, 12 KB of text, and short texts that no rule knows.
fn newcomer(cluster: &Cluster, n: usize, door: &Arc<Door>) -> Visitor {
    let text = move |i: usize| match n % 4 {
        0 => format!("MURAH #{i} https://toko{n}.example/{i}"),
        1 => "Gabung sekarang juga!!!".to_owned(),
        // 2000 characters, which JSON may write in 12 bytes each.
        2 => format!("{}{n:04}{i:04}", "🎁".repeat(1992)),
        _ => format!("hai {n} {i}"),
    };
    Visitor {
        http_client: cluster.http_client(n % 2),
        address: format!("203.0.113.{}", n % ADDRESSES + 1),
        every: SPAM,
        text: Box::new(text),
        seen: None,
        door: Arc::clone(door),
    }
}

/// A name that looks like a resident's.
fn look_alike(n: usize) -> String {
    format!("{} {}{}", ["Wargа_", "Vvarga", "Wargaa", "W arga"][n % 4], n % RESIDENTS, "ʼ".repeat(n / RESIDENTS))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn residents_see_their_own_talk_after_three_commands() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Redis).instances(2).with_operator(&token);
    let cluster = builder.set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let seen = Arc::new(Seen::default());
    let door = Arc::new(Door { turns: Semaphore::new(AT_ONCE), inside: AtomicUsize::new(0) });
    let mut visitors = JoinSet::new();
    for n in 0..RESIDENTS {
        visitors.spawn(resident(&cluster, n, &seen, &door).run(format!("Warga {n}"), n, RESIDENTS));
    }
    door.wait_for(RESIDENTS).await;
    let settled = Instant::now();
    sleep(AHEAD).await;
    let calm = seen.rates(Instant::now() - MEASURED, Instant::now());
    let began = Instant::now();
    take_names(&cluster).await;
    for n in 0..NEWCOMERS - LATE {
        visitors.spawn(newcomer(&cluster, n, &door).run(look_alike(n), n, NEWCOMERS));
    }
    door.wait_for(RESIDENTS + NEWCOMERS - LATE).await;
    sleep(MEASURED).await;
    let before = seen.rates(Instant::now() - MEASURED, Instant::now());

    let new_for = settled.elapsed().saturating_sub(Duration::from_secs(1));
    let new_for_ms = format!("{}ms", new_for.as_millis());
    let commanded = Instant::now();
    for rules in [
        json!({"act": "rules", "quiet": true}),
        json!({"act": "rules", "newcomers": new_for_ms, "newcomer_interval": "1h", "links": new_for_ms}),
        json!({"act": "rules", "repeats": true}),
    ] {
        act(cluster.base(0), rules).await.is(200);
    }
    for n in NEWCOMERS - LATE..NEWCOMERS {
        // Each writes at once.
        visitors.spawn(newcomer(&cluster, n, &door).run(look_alike(n), 0, NEWCOMERS));
        sleep(ARRIVAL).await;
    }
    door.wait_for(RESIDENTS + NEWCOMERS).await;
    let after = seen.rates(commanded, Instant::now());
    let oldest = began.elapsed() + Duration::from_secs(1);
    assert!(
        oldest < new_for,
        "the machine is too slow: {oldest:?} after the wave began, newcomers are new for {new_for:?}"
    );
    print([("calm", &calm), ("the wave", &before), ("after the commands, while people arrive", &after)]);
    assert!(before.spam > before.talk, "the wave is one: {before:?}");
    assert!(after.talk > calm.talk * 0.7, "residents go on: {calm:?}, {after:?}");
    assert!(after.own() >= 0.95, "{after:?}");
}

fn print(parts: [(&str, &Rates); 3]) {
    println!("per second and resident; own: the part that is the residents' own");
    for (when, rates) in parts {
        println!("{when}: {rates:.1?}, own {:.0} %", rates.own() * 100.0);
    }
}

/// Tries to take the residents' names in other letters.
async fn take_names(cluster: &Cluster) {
    let attempts = stream::iter((0..RESIDENTS).map(|n| {
        let client = cluster.http_client(n % 2);
        async move { client.sign_in(&format!("WАRGA {n}")).await.status }
    }));
    let statuses: HashSet<u16> = attempts.buffer_unordered(8).collect().await;
    assert_eq!(statuses, HashSet::from([409]));
}
