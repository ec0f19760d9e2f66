//! Reading history: its rate, the size of a page, the memory of slow readers, and nothing of it delays messages.

use std::time::{Duration, Instant};

use reqwest::Method;
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::interval,
};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, engines::on_both_engines, eventually, prometheus::metrics_address,
    prometheus::value,
};

/// The largest page, in bytes, and the markup around its messages.
const PAGE_BYTES: usize = 128 * 1024 + 100;
/// Clients that read at once.
const READERS: usize = 20;
/// Messages of the talker beside them, and the time between two.
const MESSAGES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// A message's way while another server is read takes up to this long on a busy machine; three times that is allowed.
const CONTROL_AT_LEAST: Duration = Duration::from_millis(100);

on_both_engines! {
    reads_above_the_rate_of_a_session_are_429,
    page_of_long_messages_is_cut_and_can_be_continued,
    readers_of_history_do_not_delay_messages,
}

async fn reads_above_the_rate_of_a_session_are_429(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_READS_PER_SECOND", "1").start().await;
    let (sari, budi) = (cluster.sign_in(0, "sari").await, cluster.sign_in(0, "budi").await);
    for path in ["/api/messages?limit=100", "/api/members?limit=1", "/chat"] {
        sari.get(path).await.is(200);
    }
    for path in ["/api/messages?limit=200", "/api/members?limit=200", "/api/messages?limit=150"] {
        let refused = sari.get(path).await;
        let wait: u64 = refused.is(429).header("retry-after").expect("a time").parse().expect("seconds");
        assert!((1..=5).contains(&wait) && refused.json()["error"].is_string(), "{path}: {refused:?}");
    }
    budi.get("/api/messages?limit=200").await.is(200);
    // The page loads again by itself.
    let mut page = sari.get("/chat").await;
    while page.status == 200 {
        page = sari.get("/chat").await;
    }
    assert!(page.is(429).header("retry-after").is_some() && page.header("refresh").is_some(), "{page:?}");
    assert!(page.body.contains("muat ulang"), "{page:?}");
}

#[tokio::test]
async fn reads_of_an_address_are_limited_before_any_session() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_READS_PER_SECOND", "1").start().await;
    let stranger = cluster.http_client(0);
    for (path, served) in [("/api/messages", 401), ("/", 200), ("/privacy", 200), ("/chat", 303)] {
        let mut response = stranger.get(path).await;
        for _ in 0..1000 {
            if response.status == 429 {
                break;
            }
            response.is(served);
            response = stranger.get(path).await;
        }
        assert!(response.is(429).header("retry-after").is_some(), "{path}: {response:?}");
    }
    stranger.get("/healthz").await.is(200);
}

/// A school behind one address opens the page at once.
#[tokio::test]
async fn three_hundred_people_of_one_address_open_the_page() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let mut people = JoinSet::new();
    for n in 0..300 {
        let person = cluster.http_client(0);
        people.spawn(async move {
            person.get("/").await.is(200);
            person.sign_in(&format!("murid {n}")).await.redirects_to("/chat");
            for path in ["/chat", "/api/members?limit=200"] {
                person.get(path).await.is(200);
            }
        });
    }
    while let Some(person) = people.join_next().await {
        person.expect("no request is refused");
    }
}

async fn page_of_long_messages_is_cut_and_can_be_continued(engine: Engine) {
    let cluster = unlimited(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    // Each of 8 KB as JSON and as UTF-8.
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(sari.send_acked(&format!("{n} {}", "😀".repeat(1990))).await);
    }
    // An ack may be earlier than the message, which the instance's pages have from then on.
    sari.wait_for_text("sari", &format!("39 {}", "😀".repeat(1990))).await;
    let (mut found, mut path) = (Vec::new(), "/api/messages?limit=200".to_owned());
    loop {
        let page = sari.http_client.get(&path).await;
        assert!(page.is(200).body.len() <= PAGE_BYTES, "{} bytes", page.body.len());
        let page = page.json();
        let rows = page["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned());
        found.splice(0..0, rows);
        if page["more"] == false {
            break;
        }
        path = format!("/api/messages?limit=200&before={}", found[0]);
    }
    assert_eq!(found, ids);
    let forward = sari.http_client.get(&format!("/api/messages?limit=200&after={}", ids[0])).await;
    assert!(forward.is(200).body.len() <= PAGE_BYTES);
    let forward = forward.json();
    assert_eq!((&forward["messages"][0]["id"], &forward["more"]), (&ids[1].as_str().into(), &true.into()));
    let page = sari.http_client.get("/chat").await;
    assert!(page.is(200).body.contains(&ids[39]) && !page.body.contains(&ids[0]), "the newest only");
    assert!(page.body.contains(r#"data-more="true""#) && page.body.len() < 2 * PAGE_BYTES, "{} bytes", page.body.len());
}

/// Compares the talker's latency beside readers with that while another server is read.
async fn readers_of_history_do_not_delay_messages(engine: Engine) {
    let (quiet, read) = (unlimited(engine).await, unlimited(engine).await);
    for cluster in [&quiet, &read] {
        let mut talker = cluster.join(0, "sari").await;
        for n in 0..200 {
            talker.send_acked(&format!("{n} {}", "kata lain, ".repeat(170))).await;
        }
        talker.leave().await;
    }
    let readers = Readers::start(&read).await;
    let control = worst_latency(&quiet).await;
    let beside = worst_latency(&read).await;
    readers.stop().await;
    let allowed = control.max(CONTROL_AT_LEAST) * 3;
    assert!(beside <= allowed, "a message took {beside:?} beside the readers, {control:?} with another server read");
}

#[tokio::test]
async fn bytes_of_slow_readers_are_counted_until_they_leave() {
    let settings = Cluster::builder(Engine::Memory).set("RUANG_READS_PER_SECOND", "0");
    let settings = settings.set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_METRICS_LISTEN", "127.0.0.1:0");
    let cluster = settings.start().await;
    let mut sari = cluster.join(0, "sari").await;
    for n in 0..20 {
        sari.send_acked(&format!("{n} {}", "😀".repeat(1990))).await;
    }
    let metrics = HttpClient::new(&format!("http://{}", metrics_address(&cluster.instances[0])));
    let waiting = async || value(&metrics.get("/metrics").await.body, "ruang_outbox_size_bytes", "");
    assert!(waiting().await < 1.0);
    let mut readers = Vec::new();
    for _ in 0..10 {
        readers.push(slow_reader(&sari.http_client, "/api/messages?limit=200").await);
    }
    eventually(SOON, "the pages of ten readers wait", || async {
        let bytes = waiting().await;
        if bytes >= 10.0 * 100_000.0 { Ok(()) } else { Err(format!("{bytes}")) }
    })
    .await;
    drop(readers);
    eventually(SOON, "nothing waits", || async {
        let bytes = waiting().await;
        if bytes < 1.0 { Ok(()) } else { Err(format!("{bytes}")) }
    })
    .await;
}

async fn unlimited(engine: Engine) -> Cluster {
    let settings = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_READS_PER_SECOND", "0");
    settings.start().await
}

/// The longest that one of some messages takes.
async fn worst_latency(cluster: &Cluster) -> Duration {
    let mut talker = cluster.join(0, "budi").await;
    let (mut turns, mut worst) = (interval(PAUSE), Duration::ZERO);
    for n in 0..MESSAGES {
        turns.tick().await;
        let sent = Instant::now();
        talker.send_acked(&format!("halo {n}")).await;
        worst = worst.max(sent.elapsed());
    }
    talker.leave().await;
    worst
}

/// Clients that ask for large compressed pages as fast as they can.
struct Readers(JoinSet<()>);

impl Readers {
    async fn start(cluster: &Cluster) -> Self {
        let reader = cluster.sign_in(0, "pembaca").await;
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let reader = reader.clone();
            readers.spawn(async move {
                loop {
                    let request = reader.request(Method::GET, "/api/messages?limit=200");
                    let response = Response::to(request.header("accept-encoding", "gzip")).await;
                    assert_eq!(response.header("content-encoding"), Some("gzip"), "{}", response.status);
                }
            });
        }
        Self(readers)
    }

    async fn stop(mut self) {
        assert!(self.0.try_join_next().is_none(), "no reader has failed");
        self.0.shutdown().await;
    }
}

/// Asks for a page and does not read more than its first byte.
async fn slow_reader(http_client: &HttpClient, path: &str) -> TcpStream {
    let address: std::net::SocketAddr = http_client.base().trim_start_matches("http://").parse().expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(1).expect("a buffer");
    socket.connect(&address.into()).expect("the server listens");
    socket.set_nonblocking(true).expect("a socket");
    let mut stream = TcpStream::from_std(socket.into()).expect("a runtime");
    let cookie = http_client.cookie().expect("a session");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    stream.read_u8().await.expect("a response");
    stream
}
