//! One client sends valid frames as fast as it can. It is held up or cut; bystanders notice nothing.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::interval,
};

use crate::kit::{
    Cluster, Engine,
    engines::on_both_engines,
    raw::{handshake, masked},
};

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(3);
/// Messages of the bystander in that time.
const MESSAGES: u32 = 15;
/// A message's way while another server is flooded takes up to this long on a busy machine; twice that is allowed.
const CONTROL_AT_LEAST: Duration = Duration::from_millis(150);
/// Memory that a flood may take, in KiB.
const TAKEN_AT_MOST: u64 = 24 * 1024;

on_both_engines! {
    flood_of_json_pings_leaves_bystanders_alone,
    flood_of_websocket_pings_leaves_bystanders_alone,
    flood_of_pongs_leaves_bystanders_alone,
    flood_before_any_join_leaves_bystanders_alone,
    flood_of_joins_leaves_bystanders_alone,
    flood_of_typing_leaves_bystanders_alone,
    flood_of_fragments_leaves_bystanders_alone,
}

async fn flood_of_json_pings_leaves_bystanders_alone(engine: Engine) {
    compare(engine, &join(), &masked(0x81, br#"{"type":"ping"}"#)).await;
}

async fn flood_of_websocket_pings_leaves_bystanders_alone(engine: Engine) {
    compare(engine, &join(), &masked(0x89, b"")).await;
}

async fn flood_of_pongs_leaves_bystanders_alone(engine: Engine) {
    compare(engine, &join(), &masked(0x8a, b"")).await;
}

async fn flood_before_any_join_leaves_bystanders_alone(engine: Engine) {
    compare(engine, &[], &masked(0x81, br#"{"type":"ping"}"#)).await;
}

async fn flood_of_joins_leaves_bystanders_alone(engine: Engine) {
    compare(engine, &[], &join()).await;
}

async fn flood_of_typing_leaves_bystanders_alone(engine: Engine) {
    let typing = [&br#"{"type":"typing","active":true}"#[..], br#"{"type":"typing","active":false}"#];
    compare(engine, &join(), &typing.map(|frame| masked(0x81, frame)).concat()).await;
}

async fn flood_of_fragments_leaves_bystanders_alone(engine: Engine) {
    let message = [masked(0x01, b"{"), masked(0x00, b"").repeat(200), masked(0x80, b"}")].concat();
    compare(engine, &join(), &message).await;
}

fn join() -> Vec<u8> {
    masked(0x81, br#"{"type":"join"}"#)
}

/// Holds a room whose instance is flooded against one beside which another server is flooded.
async fn compare(engine: Engine, first: &[u8], flood: &[u8]) {
    let (quiet, flooded) = (Cluster::with_defaults(engine).await, Cluster::with_defaults(engine).await);
    let control = worst_latency(&quiet, &flooded, "banjir", first, flood).await;
    let memory = flooded.instances[0].resident_kib();
    let beside = worst_latency(&flooded, &flooded, "bandang", first, flood).await;
    let allowed = control.max(CONTROL_AT_LEAST) * 2;
    assert!(beside <= allowed, "a message took {beside:?} beside the flood, {control:?} with another server flooded");
    let taken = flooded.instances[0].resident_kib().saturating_sub(memory);
    assert!(taken <= TAKEN_AT_MOST, "{taken} KiB");
}

/// Returns the longest time of a message through `room` while a client floods `target`.
async fn worst_latency(room: &Cluster, target: &Cluster, intruder: &str, first: &[u8], flood: &[u8]) -> Duration {
    let mut talker = room.join(0, "sari").await;
    let flood = Flood::start(target, intruder, first, flood).await;
    let (mut turns, mut worst) = (interval(FLOOD / MESSAGES), Duration::ZERO);
    for n in 1..=MESSAGES {
        turns.tick().await;
        let sent = Instant::now();
        talker.send_acked(&format!("halo {n}")).await;
        worst = worst.max(sent.elapsed());
    }
    flood.stop().await;
    talker.leave().await;
    worst
}

/// A client that writes as fast as it can, and reads all replies.
struct Flood(JoinHandle<()>);

impl Flood {
    async fn start(target: &Cluster, name: &str, first: &[u8], flood: &[u8]) -> Self {
        let intruder = target.http_client(0);
        intruder.sign_in(name).await.redirects_to("/chat");
        let (stream, _) = handshake(&intruder, "").await;
        let (first, flood) = (first.to_vec(), flood.repeat(64 * 1024 / flood.len() + 1));
        Self(tokio::spawn(run(stream, first, flood)))
    }

    async fn stop(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}

async fn run(stream: TcpStream, first: Vec<u8>, flood: Vec<u8>) {
    let (mut reader, mut writer) = stream.into_split();
    let write = async {
        let mut next = &first;
        while writer.write_all(next).await.is_ok() {
            next = &flood;
        }
    };
    let read = async {
        let mut buffer = vec![0; 64 * 1024];
        while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}
